"""What Kubernetes manifests of this system must be: policies that a manifest is held against before it is applied."""
