"""The primary is killed, or frozen, and a second real server stands by: nobody who asks for a whole answer fails, and
no stream is cut off in silence.

Both servers give the same answers, so that every text is known beforehand: whoever answered, and wherever a stream was
continued, it is that text, or the beginning of it and the error event.
"""
import pytest

from harness.asking import QUESTIONS, Asker, Crowd, Exchange, Outcome
from harness.pairs import SERVERS, common_answers, serving, started
from harness.tally import Tally, record
from harness.waiting import wait_until

UNARY, STREAMS, STRIKE_AFTER = 60, 30, 20
WORK_BOUND_SECONDS = 180
RETURN_BOUND_SECONDS = 30
PRIMARY, STANDBY = "primary/tiny", "standby/tiny"
# Far above what a healthy server here takes, so that only a frozen one meets them.
SHORT_TIMEOUTS = {"connect": "1s", "first_token": "6s", "idle": "6s", "response": "10s"}

# Long answers where the primary is fast: a stream must be under way when it is struck.
PAIRS = [
    pytest.param("llama_cpp", "xllamacpp", 96, id="llama_cpp-xllamacpp"),
    pytest.param("llama_cpp", "llama_cpp", 96, id="llama_cpp-llama_cpp", marks=pytest.mark.long),
    pytest.param("xllamacpp", "llama_cpp", 160, id="xllamacpp-llama_cpp", marks=pytest.mark.long),
]


class World:
    """A pair of servers behind a gateway with one route, `assistant`."""

    def __init__(self, primary, standby, gateway, asker, max_tokens, expected):
        self.primary = primary
        self.standby = standby
        self.gateway = gateway
        self.asker = asker
        self.max_tokens = max_tokens
        self.expected = expected

    def crowd(self) -> Crowd:
        return Crowd(self.asker, "assistant", UNARY, STREAMS, self.max_tokens)

    def ask(self, streamed: bool) -> Exchange:
        return self.asker.ask("assistant", QUESTIONS[0], self.max_tokens, streamed)


@pytest.fixture
def world(request, work, alike_model, key):
    primary_kind, standby_kind, max_tokens, route = request.param
    primary = SERVERS[primary_kind](work, alike_model, "primary")
    standby = SERVERS[standby_kind](work, alike_model, "standby")
    with started(primary, standby):
        expected = common_answers([primary, standby], max_tokens)
        providers = {
            "primary": (primary.base_url, primary.api_key), "standby": (standby.base_url, standby.api_key)}
        routes = {"assistant": {"candidates": [PRIMARY, STANDBY], **route}}
        with serving(f"gateway-standby-{primary_kind}-{standby_kind}", work, key, providers, routes) as gateway:
            yield World(
                primary, standby, gateway, Asker(gateway.base_url, key.text), max_tokens, expected)


def worlds(**route):
    return pytest.mark.parametrize(
        "world", [pytest.param((*pair.values, route), id=pair.id, marks=pair.marks) for pair in PAIRS], indirect=True)


def name_of(request, what: str) -> str:
    return f"{what}: {request.node.callspec.id}"


def judge(world: World, name: str, exchanges: list[Exchange], struck_at: float) -> Tally:
    tally = record(Tally.of(name, exchanges, world.expected))
    tally.assert_promise(exchanges)
    assert (tally.unary_ok, tally.streams) == (UNARY, STREAMS)
    for exchange in exchanges:
        if exchange.outcome is Outcome.INTERRUPTED:
            assert exchange.text and exchange.deployment == PRIMARY, vars(exchange)
            assert exchange.started <= struck_at <= exchange.ended, vars(exchange)
        # The standby says that it is one, and how many were asked: two, or one where the primary was known to be gone.
        assert exchange.deployment in (PRIMARY, STANDBY)
        assert exchange.degraded == ("failover" if exchange.deployment == STANDBY else ""), vars(exchange)
        assert exchange.attempts in ((1, 2) if exchange.deployment == STANDBY else (1,)), vars(exchange)
    assert [exchange for exchange in exchanges if exchange.deployment == STANDBY and exchange.attempts == 2], \
        "nobody was taken over after an attempt: the test has shown nothing"
    return tally


@worlds()
def test_the_primary_is_killed(world, request):
    crowd = world.crowd()
    crowd.strike(PRIMARY, STRIKE_AFTER, world.primary.child.send_kill)
    exchanges = crowd.run(WORK_BOUND_SECONDS)
    assert crowd.struck_at, "no stream of the primary was under way: nothing was killed"
    tally = judge(world, name_of(request, "killed"), exchanges, crowd.struck_at)
    assert tally.continued >= 1, "the stream that was under way is continued, since both say the same"
    assert_not_asked_any_more(world)


@worlds(timeouts=SHORT_TIMEOUTS)
def test_the_primary_is_frozen_in_the_middle_of_the_work(world, request):
    crowd = world.crowd()
    crowd.strike(PRIMARY, STRIKE_AFTER, world.primary.child.freeze)
    exchanges = crowd.run(WORK_BOUND_SECONDS)
    assert crowd.struck_at, "no stream of the primary was under way: nothing was frozen"
    tally = judge(world, name_of(request, "frozen during"), exchanges, crowd.struck_at)
    assert tally.continued >= 1, "the stream that was under way is continued, since both say the same"
    assert_the_primary_returns(world)


@pytest.mark.long
@worlds(timeouts=SHORT_TIMEOUTS)
def test_the_primary_is_frozen_beforehand(world, request):
    assert world.ask(streamed=False).deployment == PRIMARY
    world.primary.child.freeze()
    crowd = world.crowd()
    exchanges = crowd.run(WORK_BOUND_SECONDS)
    tally = judge(world, name_of(request, "frozen before"), exchanges, struck_at=0)
    assert (tally.whole, tally.continued, tally.failover) == (STREAMS, 0, UNARY + STREAMS)
    assert_the_primary_returns(world)


def assert_not_asked_any_more(world: World) -> None:
    """The standby is asked at once, and says that it stands in; now and then somebody tries the primary first."""
    for streamed in (False, True):

        def at_once() -> bool:
            exchange = world.ask(streamed)
            assert (exchange.outcome, exchange.deployment, exchange.degraded) == (
                Outcome.WHOLE, STANDBY, "failover"), vars(exchange)
            return exchange.attempts == 1

        wait_until(at_once, RETURN_BOUND_SECONDS, "one attempt alone", world.gateway.state)


def assert_the_primary_returns(world: World) -> None:
    """Thawed, it is asked again, and answers. Meanwhile nothing fails."""
    world.primary.child.thaw()
    world.primary.wait_until_ready()
    failed = []

    def answers() -> bool:
        exchange = world.ask(streamed=False)
        if exchange.outcome is not Outcome.WHOLE or exchange.text != world.expected[exchange.question]:
            failed.append(vars(exchange))
        return exchange.deployment == PRIMARY

    wait_until(answers, RETURN_BOUND_SECONDS, "an answer of the primary after it was thawed", world.gateway.state)
    assert failed == []
