"""A TCP proxy that cuts one connection at a chosen byte of the response."""
import array
import enum
import fcntl
import selectors
import socket
import struct
import termios
import threading

from harness.waiting import wait_until

BOUND_SECONDS = 30


class How(enum.Enum):
    FIN = "fin"
    """An orderly close: whatever was sent arrives, and then the end."""
    RST = "rst"
    """A reset: what has not been read yet may be lost with it."""


class Cut:
    """What happens to the response to the next request, once `after` bytes of it have passed."""

    def __init__(self, after: int | None, how: How, holds: bool):
        self.after = after
        self.how = how
        self.seen = bytearray()
        # The bytes have passed, and the connection hangs; cut once `release` is called.
        self.reached = threading.Event()
        self.done = threading.Event()
        self._go = threading.Event()
        if not holds:
            self._go.set()

    @property
    def passed(self) -> int:
        return len(self.seen)

    def release(self) -> None:
        self._go.set()

    def wait_for_release(self) -> None:
        self._go.wait(BOUND_SECONDS)

    def wait_until_reached(self) -> None:
        assert self.reached.wait(BOUND_SECONDS), f"{self.passed} bytes of a response, and not {self.after}"


class CuttingProxy:
    """In front of a server on the loopback. Nothing is changed until a cut is armed."""

    def __init__(self, target_port: int):
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._armed: Cut | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def arm(self, after: int | None, how: How = How.FIN, holds: bool = False) -> Cut:
        """For the next request alone. `after` None only keeps a copy of what passes."""
        with self._lock:
            self._armed = Cut(after, how, holds)
            return self._armed

    def stop(self) -> None:
        self._stopping.set()
        # Wakes accept, which close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(BOUND_SECONDS)
            assert not thread.is_alive(), "a connection of the proxy hangs"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _take_armed(self) -> Cut | None:
        with self._lock:
            cut, self._armed = self._armed, None
            return cut

    def _serve(self, client: socket.socket) -> None:
        # One thread for both directions: a socket that another thread reads from would not be closed by close.
        with client:
            try:
                with socket.create_connection(self._target, timeout=BOUND_SECONDS) as server:
                    self._pump(client, server)
            except OSError:
                pass  # Either side is gone, and leaving this block tells the other.

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        cut: Cut | None = None
        for connection in (client, server):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for key, _ in selector.select(0.2):
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    if key.fileobj is client:
                        cut = self._take_armed() or cut
                        if cut is None or cut.after != 0:
                            server.sendall(data)
                    elif cut is None:
                        client.sendall(data)
                    elif cut.after is None:
                        # First, since the client may be content with this and look.
                        cut.seen += data
                        client.sendall(data)
                    else:
                        piece = data[:cut.after - cut.passed]
                        client.sendall(piece)
                        cut.seen += piece
                    if cut is not None and cut.after == cut.passed:
                        self._perform(cut, client)
                        return

    def _perform(self, cut: Cut, client: socket.socket) -> None:
        wait_until(lambda: unacknowledged(client) == 0, BOUND_SECONDS, "the gateway to take what was sent",
                   lambda: unacknowledged(client))
        cut.reached.set()
        cut.wait_for_release()
        if cut.how is How.RST:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        else:
            client.shutdown(socket.SHUT_WR)
        cut.done.set()


def unacknowledged(connection: socket.socket) -> int:
    """Bytes written to the connection that the other side's kernel does not have yet."""
    count = array.array("i", [0])
    fcntl.ioctl(connection, termios.TIOCOUTQ, count)
    return count[0]
