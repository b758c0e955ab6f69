"""The primary's connection is cut in the middle of an answer, at every kind of place.

The two servers say the same, so that a stream that one began and the other ended has to be, to the letter, the stream
that nobody disturbed.
"""
import re
import threading

import pytest

from harness.asking import QUESTIONS, Asker, Exchange, Outcome
from harness.cutting import Cut, CuttingProxy, How
from harness.pairs import SERVERS, common_answers, serving, started
from harness.tally import Tally, record
from harness.waiting import wait_until

MAX_TOKENS = 32
QUESTION = QUESTIONS[0]
# The event with the finish reason and the blank line after it, as either server writes it.
FINISH = re.compile(rb'"finish_reason": ?"length".*?(?:\r?\n){2}', re.DOTALL)
# Places in a stream, evenly over its bytes: within heads, events, chunk headers, characters and between them.
PLACES, UNARY_PLACES = 24, 8
PRIMARY, STANDBY, OTHER = "primary/tiny", "standby/tiny", "other/tiny"
BOUND_SECONDS = 30
ROUTES = {
    "splice": {"candidates": [PRIMARY, STANDBY], "delivery": "splice"},
    "stop": {"candidates": [PRIMARY, STANDBY], "delivery": "stop"},
    "hold": {"candidates": [PRIMARY, STANDBY], "delivery": "hold"},
    "hold-visibly": {"candidates": [PRIMARY, STANDBY], "delivery": "hold", "hold": {"heartbeat": "100ms"}},
    "hold-little": {"candidates": [PRIMARY, STANDBY], "delivery": "hold", "hold": {"bytes": "1KiB"}},
    "splice-other": {"candidates": [PRIMARY, OTHER], "delivery": "splice"},
    "hold-other": {"candidates": [PRIMARY, OTHER], "delivery": "hold"},
    "primary": {"candidates": [PRIMARY]},
    "default": {"candidates": [PRIMARY, STANDBY]},
}


class World:
    def __init__(self, name, proxy, gateway, asker, expected, other):
        self.name = name
        self.proxy = proxy
        self.gateway = gateway
        self.asker = asker
        self.expected = expected
        self.other = other

    def ask(self, route: str, streamed: bool = True, **callbacks) -> Exchange:
        return self.asker.ask(route, QUESTION, MAX_TOKENS, streamed, **callbacks)

    def cut(self, route: str, after: int, how: How, streamed: bool = True) -> Exchange:
        """One exchange that loses its primary after so many bytes of the response."""
        self.await_primary()
        cut = self.proxy.arm(after, how)
        exchange = self.ask(route, streamed)
        assert cut.done.wait(BOUND_SECONDS), f"not cut: {cut.passed} bytes, and not {after}"
        return exchange

    def cut_in_sight(self, route: str, how: How, pieces: int = 4) -> Exchange:
        """The client has read some words when the connection is cut: nothing of them can be taken back."""
        self.await_primary()
        cut = self.proxy.arm(self.length(streamed=True) // 2, how, holds=True)
        exchange = self.ask(route, on_piece=lambda _, number: number == pieces and release(cut))
        assert cut.done.wait(BOUND_SECONDS), f"not cut: {vars(exchange)}"
        return exchange

    def await_primary(self) -> None:
        """It is asked first again: an earlier cut has not left its mark. And once more, so that fewer than half of what it is
        asked fail however slowly all of this goes, and its breaker never opens."""
        wait_until(lambda: self.ask("default", streamed=False).deployment == PRIMARY, BOUND_SECONDS,
                   "an answer of the primary", self.gateway.state)
        assert self.ask("default", streamed=False).deployment == PRIMARY, self.gateway.state()

    def undisturbed(self, streamed: bool) -> bytes:
        """The primary's response as it is on the wire, head and framing included."""
        self.await_primary()
        watch = self.proxy.arm(None)
        exchange = self.ask("primary", streamed)
        assert exchange.outcome is Outcome.WHOLE and exchange.text == self.expected[exchange.question], vars(exchange)
        return bytes(watch.seen)

    def length(self, streamed: bool) -> int:
        return len(self.undisturbed(streamed))

    def end_of_answer(self) -> int:
        """Where in a stream the event with the finish reason ends: nothing of the answer comes after it."""
        return FINISH.search(self.undisturbed(streamed=True)).end()


def release(cut: Cut) -> None:
    cut.wait_until_reached()
    cut.release()


def pair(*kinds: str, marks=()):
    return pytest.param(kinds, id="-".join(kinds), marks=marks)


@pytest.fixture(
    scope="module",
    params=[
        pair("llama_cpp", "xllamacpp"), pair("llama_cpp", "llama_cpp", marks=pytest.mark.long),
        pair("xllamacpp", "llama_cpp", marks=pytest.mark.long)])
def world(request, work, alike_model, other_model, key):
    primary_kind, standby_kind = request.param
    primary = SERVERS[primary_kind](work, alike_model, "primary")
    standby = SERVERS[standby_kind](work, alike_model, "standby")
    other = SERVERS["xllamacpp"](work, other_model, "other")
    with started(primary, standby, other):
        expected = common_answers([primary, standby], MAX_TOKENS)
        otherwise = common_answers([other], MAX_TOKENS)
        proxy = CuttingProxy(primary.port)
        try:
            providers = {
                "primary": (proxy.base_url, primary.api_key), "standby": (standby.base_url, standby.api_key),
                "other": (other.base_url, other.api_key)}
            name = "-".join(request.param)
            with serving(f"gateway-cut-{name}", work, key, providers, ROUTES) as gateway:
                yield World(name, proxy, gateway, Asker(gateway.base_url, key.text), expected, otherwise)
        finally:
            proxy.stop()


hows = pytest.mark.parametrize("how", list(How), ids=[how.value for how in How])


def counted(request, exchanges: list[Exchange], expected: dict[str, str]) -> Tally:
    """One row for each test, over all servers and ways to cut."""
    tally = Tally.of(request.node.originalname.removeprefix("test_").replace("_", " "), exchanges, expected)
    record(tally)
    return tally


def assert_says_failover(exchange: Exchange, deployment: str = STANDBY) -> None:
    assert (exchange.deployment, exchange.attempts, exchange.degraded) == (deployment, 2, "failover"), vars(exchange)


@hows
def test_cut_anywhere(world, request, how):
    """Every place of a stream before its last word, whichever it is: the same text, and no sign of the cut but a
    comment."""
    end = world.end_of_answer()
    # The last one lies within the event that ends the answer.
    places = [*(end * part // PLACES for part in range(PLACES)), end - 3]
    exchanges = [world.cut("splice", place, how) for place in places]
    tally = counted(request, exchanges, world.expected)
    tally.assert_promise(exchanges)
    assert tally.interrupted == 0, [vars(exchange) for exchange in exchanges if exchange.detail]
    assert tally.continued >= PLACES // 2, "most places lie behind the first word"
    assert tally.failover, "and the first ones before it"
    for exchange in exchanges:
        if exchange.deployment == STANDBY:
            assert_says_failover(exchange)
            assert not exchange.continued
        else:
            # The head left before the cut.
            assert (exchange.deployment, exchange.attempts, exchange.degraded) == (PRIMARY, 1, "")


@pytest.mark.parametrize("route", ["splice", "stop", "hold"])
@hows
def test_cut_after_the_last_word(world, request, how, route):
    """The client has the whole answer and its finish reason, and what is cut off is the terminator: nothing was
    interrupted."""
    end = world.end_of_answer()
    terminator = world.undisturbed(streamed=True).index(b"data: [DONE]", end)
    exchanges = [world.cut(route, place, how) for place in (end, (end + terminator) // 2)]
    tally = counted(request, exchanges, world.expected)
    tally.assert_promise(exchanges)
    assert (tally.whole, tally.interrupted) == (2, 0), [vars(exchange) for exchange in exchanges if exchange.detail]


@hows
def test_unary_cut_anywhere(world, request, how):
    length = world.length(streamed=False)
    places = [length * place // (UNARY_PLACES + 1) for place in range(1, UNARY_PLACES + 1)]
    exchanges = [world.cut("splice", place, how, streamed=False) for place in places]
    tally = counted(request, exchanges, world.expected)
    tally.assert_promise(exchanges)
    for exchange in exchanges:
        assert_says_failover(exchange)


@hows
def test_splice_goes_on(world, request, how):
    exchange = world.cut_in_sight("splice", how)
    tally = counted(request, [exchange], world.expected)
    tally.assert_promise([exchange])
    assert (tally.whole, tally.continued) == (1, 1), vars(exchange)
    assert exchange.comments == [f"holdfast: continued by {STANDBY} (repeated) after truncated"]


@hows
def test_stop_ends_with_the_error_event(world, request, how):
    exchange = world.cut_in_sight("stop", how)
    tally = counted(request, [exchange], world.expected)
    tally.assert_promise([exchange])
    assert (tally.whole, tally.interrupted) == (0, 1), vars(exchange)
    assert 0 < len(exchange.text) < len(world.expected[exchange.question])
    assert exchange.comments == []


@hows
def test_hold_begins_anew(world, request, how):
    """The client gets nothing of the answer that broke off, and is told who made the one it gets."""
    length = world.length(streamed=True)
    exchanges = [world.cut("hold", length * part // 5, how) for part in range(1, 5)]
    tally = counted(request, exchanges, world.expected)
    tally.assert_promise(exchanges)
    assert (tally.whole, tally.continued) == (4, 0), [vars(exchange) for exchange in exchanges]
    for exchange in exchanges:
        assert_says_failover(exchange)
        assert exchange.comments == []


def test_hold_lets_the_client_know(world, request):
    """Comments while the answer is held, which the SDK does not even see."""
    world.await_primary()
    cut = world.proxy.arm(world.length(streamed=True) // 2, How.RST, holds=True)

    def release_after_two(recording) -> None:
        cut.wait_until_reached()
        wait_until(lambda: len(recording.comments()) >= 2, BOUND_SECONDS, "two heartbeats", lambda: recording.received)
        cut.release()

    exchange = world.ask("hold-visibly", on_head=lambda recording: threading.Thread(
        target=release_after_two, args=(recording,), daemon=True).start())
    tally = counted(request, [exchange], world.expected)
    tally.assert_promise([exchange])
    assert tally.whole == 1
    assert exchange.comments.count("holdfast: still waiting") >= 2
    # The first heartbeat took the head with it, so that the standby is told of in a comment, if at all.
    assert (exchange.deployment, exchange.text) == (PRIMARY, world.expected[QUESTION])


@hows
def test_hold_outgrown_goes_on(world, request, how):
    """A long answer is let go, and is spliced from then on."""
    exchange = world.cut("hold-little", world.length(streamed=True) * 3 // 4, how)
    tally = counted(request, [exchange], world.expected)
    tally.assert_promise([exchange])
    assert (tally.whole, tally.continued) == (1, 1), vars(exchange)


@hows
def test_an_answer_that_differs_is_never_joined(world, request, how):
    """A candidate with another model cannot go on: the stream ends with the error event. Held, it is whole."""
    spliced = world.cut_in_sight("splice-other", how)
    tally = counted(request, [spliced], world.expected)
    tally.assert_promise([spliced])
    assert (tally.whole, tally.interrupted) == (0, 1), vars(spliced)
    assert spliced.text
    held = world.cut("hold-other", world.length(streamed=True) // 2, how)
    assert (held.outcome, held.text) == (Outcome.WHOLE, world.other[held.question]), vars(held)
    assert_says_failover(held, OTHER)
