import HoldfastCore
import HoldfastWire
import NIOCore

/// `GET /v1/models`: the routes that a key may ask for, and the deployments where it may name them directly.
enum ModelListing {
    static func all(for principal: Principal, in inForce: InForce) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeStaticString("{\"object\":\"list\",\"data\":[")
        var isFirst = true
        for name in names(for: principal, in: inForce) {
            if !isFirst { buffer.writeStaticString(",") }
            isFirst = false
            write(name, into: &buffer)
        }
        buffer.writeStaticString("]}")
        return buffer
    }

    static func one(_ id: String, for principal: Principal, in inForce: InForce) -> ByteBuffer? {
        let wanted = id.replacing("%2F", with: "/").replacing("%2f", with: "/").replacing("%3A", with: ":")
        guard names(for: principal, in: inForce).contains(wanted) else { return nil }
        var buffer = ByteBuffer()
        write(wanted, into: &buffer)
        return buffer
    }

    private static func names(for principal: Principal, in inForce: InForce) -> [String] {
        let routes = inForce.routes.indices.filter(principal.mayUse(route:)).map { inForce.routes[$0].route.name }
        guard principal.mayUseDirectModels else { return routes }
        return routes + inForce.deployments.map(\.deployment.id)
    }

    /// `created` is 0: a route has no birthday, and a made-up one would be a lie in a field some clients sort by.
    private static func write(_ name: String, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("{\"id\":")
        buffer.writeJSONString(name)
        buffer.writeStaticString(",\"object\":\"model\",\"created\":0,\"owned_by\":\"holdfast\"}")
    }
}
