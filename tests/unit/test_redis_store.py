"""The store on a real server: tenants' keys stay apart, values know where they belong, faults have a name."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from libs.common.errors import InvalidRequest, Unavailable
from libs.common.knowledge_epoch import advance_epoch, read_epoch
from libs.common.redis_store import RedisStore, Script, TenantRedis
from libs.common.request_context import Principal, TenantId
from libs.common.seal import SEAL_BYTES, seal, unseal
from libs.common.spans import RecordedSpan, RecordingTracer

TOKO = Principal("toko-app", TenantId("toko"))
AWA = Principal("awa-app", TenantId("awa"))


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    opened = RedisStore.connect(redis_url, timeout_seconds=2.0)
    yield opened
    await opened.aclose()


@pytest.fixture
def toko(store: RedisStore) -> TenantRedis:
    return store.for_tenant(TOKO)


def test_a_tenants_key_has_its_cluster_tag(toko: TenantRedis) -> None:
    assert toko.key("semantic_cache:v2", "entry", "7") == "semantic_cache:v2:{toko}:entry:7"


def test_an_operator_without_a_tenant_has_no_keys(store: RedisStore) -> None:
    with pytest.raises(InvalidRequest):
        store.for_tenant(Principal("ops", None, is_operator=True))


@pytest.mark.parametrize(
    "key", ["conv:{awa}:1", "conv:toko:1", "conv:{awa}:{toko}", "", "conv:{toko", "conv:{toko2}:1"]
)
async def test_a_key_of_another_tenant_is_refused_before_it_is_sent(toko: TenantRedis, key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        await toko.get(key)
    with pytest.raises(ValueError, match="key"):
        await toko.eval(Script("return 1"), [toko.key("a"), key])
    with pytest.raises(ValueError, match="key"):
        toko.pipeline().set(key, b"1")


@pytest.mark.parametrize("first", ["", "conv:{awa}", "}", "{"])
def test_braces_in_a_keys_first_part_are_refused(toko: TenantRedis, first: str) -> None:
    with pytest.raises(ValueError, match="first part"):
        toko.key(first, "x")


async def test_platform_keys_never_reach_a_tenants(store: RedisStore) -> None:
    platform = store.platform
    await platform.set(platform.key("rollout", "percent"), b"5")
    assert await platform.get("rollout:percent") == b"5"
    with pytest.raises(ValueError, match="tenant"):
        await platform.get("conv:{toko}:1")


async def test_values_hashes_and_counters(toko: TenantRedis) -> None:
    key, other = toko.key("a"), toko.key("b")
    assert await toko.get(key) is None
    assert await toko.set(key, b"\x00\xff")
    assert not await toko.set(key, b"late", only_if_absent=True)
    assert await toko.mget(key, other) == [b"\x00\xff", None]
    assert await toko.delete(key, other) == 1
    assert await toko.incr(key, 3) == 3
    assert await toko.hset(other, {"x": 1, "y": b"2"}) == 2
    assert await toko.hgetall(other) == {"x": b"1", "y": b"2"}
    assert await toko.hget(other, "y") == b"2"
    assert await toko.hdel(other, "x", "z") == 1
    assert await toko.command("RPUSH", toko.key("list"), "m1", "m2") == 2
    assert await toko.mget() == []


async def test_a_time_to_live_is_kept(toko: TenantRedis) -> None:
    key = toko.key("a")
    await toko.set(key, b"1", ttl_seconds=60)
    assert 59_000 < await toko.command("PTTL", key) <= 60_000
    assert await toko.expire(key, 120)
    assert 119_000 < await toko.command("PTTL", key) <= 120_000
    assert not await toko.expire(toko.key("absent"), 1)


async def test_a_script_runs_whether_the_server_knows_it_or_not(toko: TenantRedis) -> None:
    script = Script("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])")
    for value in (b"first", b"second"):
        assert await toko.eval(script, [toko.key("a")], [value]) == value


async def test_a_pipeline_answers_in_order(toko: TenantRedis) -> None:
    key = toko.key("a")
    for atomic in (True, False):
        pipeline = toko.pipeline(atomic=atomic).set(key, b"1", 60).command("INCR", key).command("GET", key)
        assert await pipeline.execute() == [b"OK", 2, b"2"]
        assert await pipeline.execute() == []


@pytest.mark.parametrize("atomic", [True, False])
async def test_a_refused_command_is_named_without_its_arguments(toko: TenantRedis, atomic: bool) -> None:
    key = toko.key("a")
    await toko.set(key, b"text")
    with pytest.raises(Unavailable, match="WRONGTYPE") as refused:
        await toko.pipeline(atomic=atomic).command("HGET", key, "secret").command("GET", key).execute()
    assert refused.value.reason == "STORE_UNAVAILABLE"
    assert "secret" not in refused.value.message
    with pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
        await toko.command("NOSUCH", key, "secret")
    assert await toko.get(key) == b"text"


async def test_a_stream_is_read_from_where_the_reader_stopped(store: RedisStore) -> None:
    platform = store.platform
    key = platform.key("changes")
    assert await platform.last_stream_id(key) == "0-0"
    first = await platform.append_to_stream(key, {"tenant": "toko"})
    assert await platform.last_stream_id(key) == first
    assert await platform.read_stream(key, "0-0") == [(first, {"tenant": b"toko"})]
    assert await platform.read_stream(key, first) == []
    waiting = asyncio.create_task(platform.read_stream(key, first, block_seconds=5))
    while len(await platform.read_stream(key, "0-0")) < 2:
        await platform.append_to_stream(key, {"tenant": "awa"})
    assert (await waiting)[0][1] == {"tenant": b"awa"}


async def test_databases_and_prefixes_are_apart(redis_url: str) -> None:
    stores = [
        RedisStore.connect(redis_url, timeout_seconds=2.0),
        RedisStore.connect(redis_url, db=5, timeout_seconds=2.0),
        RedisStore.connect(redis_url, db=5, prefix="staging:", timeout_seconds=2.0),
    ]
    for number, store in enumerate(stores):
        toko = store.for_tenant(TOKO)
        await toko.set(toko.key("a"), b"%d" % number)
    for number, store in enumerate(stores):
        toko = store.for_tenant(TOKO)
        assert await toko.get(toko.key("a")) == b"%d" % number
    assert stores[2].for_tenant(TOKO).key("a", "b") == "staging:db5:a:{toko}:b"
    for store in stores:
        await store.aclose()


async def test_the_epoch_of_each_tenant_grows_alone(store: RedisStore) -> None:
    toko, awa = store.for_tenant(TOKO), store.for_tenant(AWA)
    assert await read_epoch(toko) == 0
    assert [await advance_epoch(toko), await advance_epoch(toko)] == [1, 2]
    assert (await read_epoch(toko), await read_epoch(awa)) == (2, 0)


async def test_a_value_copied_under_another_tenants_key_never_comes_back(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    toko, awa = store.for_tenant(TOKO), store.for_tenant(AWA)
    await toko.set_sealed(toko.key("conv", "1"), b"l'adresse de Kofi", 60)
    assert await toko.get_sealed(toko.key("conv", "1")) == b"l'adresse de Kofi"
    raw = await toko.get(toko.key("conv", "1"))
    assert raw is not None
    await awa.set(awa.key("conv", "1"), raw)
    await toko.set(toko.key("conv", "2"), raw)
    await toko.set(toko.key("conv", "3"), raw[:-1])
    await toko.set(toko.key("conv", "4"), b"never sealed")
    with caplog.at_level(logging.WARNING):
        assert await awa.get_sealed(awa.key("conv", "1")) is None
        assert await toko.mget_sealed(*(toko.key("conv", n) for n in "12345")) == [b"l'adresse de Kofi", *[None] * 4]
    assert store.seal_failures == 4
    assert len(caplog.records) == 4
    assert "Kofi" not in caplog.text


@pytest.mark.parametrize("payload", [b"", b"x", bytes(10_000)])
def test_a_seal_opens_only_for_its_tenant_and_key(payload: bytes) -> None:
    sealed = seal(TenantId("ab"), "cd", payload)
    assert len(sealed) == SEAL_BYTES + len(payload)
    assert unseal(TenantId("ab"), "cd", sealed) == payload
    assert unseal(TenantId("abc"), "d", sealed) is None
    assert unseal(TenantId("ab"), "ce", sealed) is None
    assert unseal(TenantId("ab"), "cd", sealed[:SEAL_BYTES] + payload + b"!") is None
    assert unseal(TenantId("ab"), "cd", b"") is None


async def test_cancelled_calls_never_cross_replies(redis_url: str) -> None:
    """Each cancelled call leaves a reply unread somewhere; the next caller must not get it."""
    store = RedisStore.connect(redis_url, timeout_seconds=2.0, max_connections=4)
    toko = store.for_tenant(TOKO)
    for n in range(20):
        await toko.set(toko.key("n", str(n)), b"%d" % n)

    async def read(n: int) -> tuple[int, bytes | None]:
        return n, await toko.get(toko.key("n", str(n)))

    answers = 0
    for turn in range(60):
        calls = [asyncio.create_task(read(n)) for n in range(20)]
        for _ in range(turn % 9):
            await asyncio.sleep(0)
        for call in calls[:: turn % 3 + 1]:
            call.cancel()
        for result in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(result, tuple):
                answers += 1
                assert result[1] == b"%d" % result[0]
            else:
                assert isinstance(result, asyncio.CancelledError)
    assert answers > 100
    await store.aclose()


async def test_calls_beyond_the_limit_wait_their_turn(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=5.0, max_connections=2)
    toko = store.for_tenant(TOKO)
    await asyncio.gather(*(toko.incr(toko.key("n")) for _ in range(100)))
    assert await toko.get(toko.key("n")) == b"100"
    clients = int((await store.platform.command("INFO", "clients")).split(b"connected_clients:")[1].split(b"\r\n")[0])
    assert clients <= 2
    await store.aclose()


async def test_a_connection_that_the_server_closed_is_replaced_unseen(redis_url: str, store: RedisStore) -> None:
    other = RedisStore.connect(redis_url, timeout_seconds=2.0)
    assert await other.ping()
    await store.platform.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    while True:  # until the end of stream has arrived here
        clients = await store.platform.command("CLIENT", "LIST")
        if clients.count(b"\n") == 1:
            break
    assert await other.platform.get("a") is None
    await other.aclose()


async def test_an_absent_server_is_named_fast_and_its_password_is_not(unused_tcp_port: int) -> None:
    store = RedisStore.connect(f"redis://:hunter2@127.0.0.1:{unused_tcp_port}")
    started = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable) as failed:
        await store.platform.get("a")
    assert asyncio.get_running_loop().time() - started < 1.0
    assert failed.value.reason == "STORE_UNAVAILABLE"
    assert "hunter2" not in str(failed.value)
    assert not await store.ping()
    await store.aclose()


async def test_a_refused_password_is_named_without_it(redis_url: str) -> None:
    store = RedisStore.connect(redis_url.replace("unix://", "unix://:hunter2@"), timeout_seconds=2.0)
    with pytest.raises(Unavailable, match="password") as failed:
        await store.platform.get("a")
    assert "hunter2" not in str(failed.value)
    await store.aclose()


async def test_a_server_that_never_answers_costs_one_time_out() -> None:
    hung_up = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        store = RedisStore.connect(f"redis://127.0.0.1:{port}", timeout_seconds=0.06)
        started = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable, match="TimeoutError"):
            await store.platform.get("a")
        assert 0.05 < asyncio.get_running_loop().time() - started < 0.5
        await hung_up.wait()
        await store.aclose()


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="redis://"):
        RedisStore.connect(url)


async def test_a_closed_store_says_so(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    assert await store.ping()
    await store.aclose()
    with pytest.raises(Unavailable, match="closed"):
        await store.platform.get("a")


async def test_a_connection_to_a_server_that_only_reads_is_not_used_again(store: RedisStore) -> None:
    """After a failover the address leads to another server, but an open connection still to the old one."""
    first = await store.platform.command("CLIENT", "ID")
    assert await store.platform.command("CLIENT", "ID") == first
    with pytest.raises(Unavailable, match="ReadOnlyError"):
        await store.platform.eval(Script("return redis.error_reply('READONLY a replica')"), [])
    assert await store.platform.command("CLIENT", "ID") != first


async def test_an_exchange_in_a_call_is_a_span_that_names_no_key_and_no_value(toko: TenantRedis) -> None:
    kept: list[RecordedSpan] = []
    with RecordingTracer(kept.append).start_as_current_span("call"):
        await toko.eval(Script("return ARGV[1]", name="say-it"), [toko.key("private")], ("words",))
        pipeline = toko.pipeline().set(toko.key("private"), b"words").command("GET", toko.key("private"))
        await pipeline.execute()
        nowhere = RedisStore.connect("unix:///nowhere/redis.sock")
        with pytest.raises(Unavailable):
            await nowhere.for_tenant(TOKO).get(toko.key("private"))
    *told, _call = kept
    # The server does not know the script yet.
    assert [span.name for span in told] == ["redis say-it", "redis say-it", "redis MULTI SET", "redis GET"]
    assert [span.attributes["db.operation.name"] for span in told] == ["EVALSHA", "EVAL", "MULTI SET", "GET"]
    assert (told[0].attributes["db.stored_procedure.name"], told[2].attributes["db.operation.batch.size"]) == (
        "say-it",
        4,
    )
    assert [span.is_error for span in told] == [False, False, False, True]
    assert "private" not in repr([span.attributes for span in told])
    # Upkeep, which no call asked for, makes no traces.
    kept.clear()
    await toko.get(toko.key("private"))
    assert kept == []
