"""Every policy, in the order in which they tell."""

from collections.abc import Callable, Iterator, Sequence

from tools.manifests import configuration, doors, network, pods, rollouts
from tools.manifests.reading import Manifests, Violation

__all__ = ["POLICIES", "Policy", "violations"]

Policy = Callable[[Manifests], Iterator[Violation]]
POLICIES: Sequence[Policy] = (
    pods.every_service_is_there,
    pods.pods_have_no_rights,
    pods.containers_are_locked_down,
    pods.images_have_a_version,
    pods.resources_are_bounded,
    pods.probes_ask_the_health_port,
    pods.what_is_named_is_there,
    rollouts.a_new_replica_comes_before_an_old_one_leaves,
    rollouts.pods_have_the_time_to_drain,
    rollouts.the_autoscaler_alone_counts_replicas,
    rollouts.disruptions_take_one_at_a_time,
    rollouts.replicas_are_spread,
    rollouts.workloads_select_their_pods,
    rollouts.jobs_end_and_are_tried_again,
    network.nothing_is_open_by_itself,
    network.services_reach_those_that_they_call_and_no_other,
    network.services_reach_their_stores_and_vendors_and_no_other,
    network.services_are_reached_from_outside_by_the_gateway_alone,
    doors.services_show_every_replica,
    doors.targets_are_services,
    doors.the_gateway_lets_in_what_is_public,
    configuration.variables_are_settings,
    configuration.secrets_are_given_as_files_to_those_who_need_them,
    configuration.files_that_are_told_are_mounted,
    configuration.a_changed_setting_rolls_out,
)


def violations(manifests: Manifests) -> list[Violation]:
    """Returns everything that is wrong, in the order of the policies."""
    return list(dict.fromkeys(found for policy in POLICIES for found in policy(manifests)))
