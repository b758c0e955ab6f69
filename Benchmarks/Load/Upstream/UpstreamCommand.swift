import ArgumentParser
import NIOCore
import NIOPosix

struct UpstreamCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstream",
        abstract: "Answer as an OpenAI-dialect provider; the model name chooses how.",
        discussion: """
            bench-unary   one JSON answer of about 0.4 KB
            bench-paced   a stream with one event per interval, each stamped with the time it was sent
            bench-burst   a whole stream in one write
            bench-idle    a stream that falls silent after its first token
            """)

    @Option(help: "Port on 127.0.0.1; 0 takes a free one.")
    var port = 0

    @Option(help: "Milliseconds between the events of a paced stream.")
    var paceMilliseconds = 50

    @Option(help: "Events of a paced stream.")
    var paceEvents = 2_000

    @Option(help: "Events of a burst.")
    var burstEvents = 200

    func run() throws {
        let answers = CannedAnswers(burstEvents: burstEvents)
        let pacing = Pacing(intervalNanoseconds: Int64(paceMilliseconds) * 1_000_000, events: paceEvents)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        UpstreamConnection(answers: answers, pacing: pacing))
                }
            }
            .bind(host: "127.0.0.1", port: port).wait()
        try report(Listening(event: "listening", port: server.localAddress?.port ?? port))
        try server.closeFuture.wait()
    }
}

struct Listening: Encodable {
    var event: String
    var port: Int
}
