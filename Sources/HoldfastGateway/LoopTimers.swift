import HoldfastCore
import NIOCore

/// Something that wants to be woken at an instant; one for each connection, for its whole life.
///
/// An exchange moves its limits with every chunk, and scheduling a task each time would cost more than the chunk. So
/// `dueAt` is only written; the wheel looks at it when the timer's slot comes round, and files it again if it is early.
final class LoopTimer {
    /// Nil: nothing to wake for.
    fileprivate(set) var dueAt: Instant?
    fileprivate var filedTick: Int64 = -1
    var fire: ((Instant) -> Void)?

    /// Breaks the reference cycle with whoever `fire` captures; the wheel drops the timer when its slot comes round.
    func invalidate() {
        dueAt = nil
        fire = nil
    }
}

/// A hashed timing wheel (Varghese and Lauck, 1987) for one event loop: 10 ms ticks, 2.56 s round. Timers that are due
/// later are filed at the end of the round and looked at again there. Only touched on its loop.
final class LoopTimers {
    static let tickNanoseconds = 10 * Span.millisecond
    private static let slots: Int64 = 256

    private let loop: any EventLoop
    private var wheel = [[LoopTimer]](repeating: [], count: Int(slots))
    private var doneTick: Int64
    private var wake: (tick: Int64, task: Scheduled<Void>)?
    private var isTurning = false
    private var isStopped = false

    init(loop: any EventLoop, now: Instant) {
        self.loop = loop
        doneTick = now.nanoseconds / Self.tickNanoseconds
    }

    /// Moves when `timer` fires. Cheap unless it moves earlier than where the timer is filed.
    func arm(_ timer: LoopTimer, at instant: Instant?) {
        timer.dueAt = instant
        guard let instant else { return }
        let wanted = tick(roundingUp: instant)
        if timer.filedTick > doneTick, timer.filedTick <= wanted { return }
        file(timer, at: wanted)
    }

    func stop() {
        isStopped = true
        wake?.task.cancel()
        wake = nil
        wheel = []
    }

    private func tick(roundingUp instant: Instant) -> Int64 {
        let (quotient, rest) = instant.nanoseconds.quotientAndRemainder(dividingBy: Self.tickNanoseconds)
        return rest > 0 ? quotient + 1 : quotient
    }

    private func file(_ timer: LoopTimer, at wanted: Int64) {
        guard !isStopped else { return }
        // An empty wheel stands still; before it is used again its hand catches up. While it turns it is not empty, and
        // catching up would pass over the slots that came due meanwhile: their timers would wait for another round.
        if wake == nil, !isTurning {
            doneTick = max(doneTick, MonotonicClock.read().nanoseconds / Self.tickNanoseconds)
        }
        let tick = min(max(wanted, doneTick + 1), doneTick + Self.slots - 1)
        timer.filedTick = tick
        wheel[Int(tick % Self.slots)].append(timer)
        if wake.map({ tick < $0.tick }) ?? true {
            schedule(tick)
        }
    }

    private func schedule(_ tick: Int64) {
        wake?.task.cancel()
        let at = Instant(nanoseconds: tick * Self.tickNanoseconds)
        wake = (tick, loop.assumeIsolated().scheduleTask(deadline: at.deadline) { self.turn() })
    }

    private func turn() {
        wake = nil
        let now = MonotonicClock.read()
        let newest = now.nanoseconds / Self.tickNanoseconds
        // After a long stall one round covers every slot.
        var tick = max(doneTick + 1, newest - Self.slots + 1)
        isTurning = true
        while tick <= newest {
            turn(tick, now: now)
            tick += 1
        }
        isTurning = false
        doneTick = max(doneTick, newest)
        guard !isStopped else { return }
        if let next = (doneTick + 1..<doneTick + Self.slots).first(where: { !wheel[Int($0 % Self.slots)].isEmpty }) {
            schedule(next)
        }
    }

    private func turn(_ tick: Int64, now: Instant) {
        let place = Int(tick % Self.slots)
        guard !wheel[place].isEmpty else { return }
        var timers: [LoopTimer] = []
        swap(&timers, &wheel[place])
        doneTick = tick
        for timer in timers where timer.filedTick <= tick {
            timer.filedTick = -1
            guard let due = timer.dueAt else { continue }
            if due <= now {
                timer.dueAt = nil
                timer.fire?(now)
            } else {
                file(timer, at: self.tick(roundingUp: due))
            }
        }
    }
}
