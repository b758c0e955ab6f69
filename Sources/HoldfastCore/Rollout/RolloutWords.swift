/// What a roll-out waits for and why it came back, for people.
extension Rollout.Waiting {
    package var message: String {
        switch self {
        case .noGateway: "no gateway is heard"
        case .gathering: "gateways are given a moment to report, so that one of them can be chosen to go first"
        case .canaryIsSilent: "the first gateway has not said lately that it has the proposed generation"
        case .settling: "whoever has the proposed generation is watched for a while"
        case .tooLittleTraffic: "too few requests came to say that the proposed generation does no harm"
        case .gatewaysAreSilent(let count):
            count == 1 ? "one gateway is not known to have it" : "\(count) gateways are not known to have it"
        }
    }

    package var mend: String {
        switch self {
        case .noGateway: "start a gateway, or look why none reports: holdfast gateways"
        case .gathering, .settling: "wait; it goes on by itself"
        case .canaryIsSilent:
            "look at that gateway; where it does not come back, all get the last good generation again"
        case .tooLittleTraffic:
            "wait for requests, or vouch for it: holdfast rollout release --reason WHY"
        case .gatewaysAreSilent:
            "look at them; revoke the token of one that is gone for good, or go on without: "
                + "holdfast rollout release --reason WHY"
        }
    }
}

extension Rollout.Reason {
    package var message: String {
        switch self {
        case .errorsRose: "errors rose with it"
        case .canaryDidNotComeBack: "the first gateway that was to have it did not say that it has it"
        case .byAPerson: "somebody took it back"
        }
    }
}
