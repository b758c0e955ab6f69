import Testing

@testable import HoldfastGateway

@Suite struct StartupPageTests {
    private static let maps = """
        55d0c0000000-55d0c0400000 r--p 00000000 fe:00 1234                       /usr/bin/holdfast
        Size:               4096 kB
        Private_Dirty:         0 kB
        Anonymous:             0 kB
        VmFlags: rd mr mw me
        55d0c0400000-55d0c1000000 r-xp 00400000 fe:00 1234                       /usr/bin/holdfast
        Size:              12288 kB
        Anonymous:             0 kB
        55d0c1000000-55d0c1100000 r--p 01000000 fe:00 1234                       /usr/bin/holdfast
        Size:               1024 kB
        Anonymous:           900 kB
        55d0c1100000-55d0c1200000 rw-p 01100000 fe:00 1234                       /usr/bin/holdfast
        Size:               1024 kB
        Anonymous:             0 kB
        55d0c2000000-55d0c2100000 rw-p 00000000 00:00 0                          [heap]
        Anonymous:            64 kB
        7f0000000000-7f0000100000 r-xp 00000000 fe:00 99                         /usr/lib/libc.so.6
        Anonymous:             0 kB
        7f0000200000-7f0000300000 r--p 00000000 00:00 0
        Anonymous:             0 kB
        """

    /// Relocated tables are read-only and were written to; what is writable may be at any moment.
    @Test func onlyWhatIsTheFilesAndWasNeverWrittenIsLetGo() {
        #expect(
            StartupPages.cleanRanges(of: "/usr/bin/holdfast", in: Self.maps) == [
                0x55d0_c000_0000..<0x55d0_c040_0000, 0x55d0_c040_0000..<0x55d0_c100_0000,
            ])
    }

    @Test func whatCannotBeReadIsLeftAlone() {
        #expect(StartupPages.cleanRanges(of: "/usr/bin/holdfast", in: "").isEmpty)
        #expect(StartupPages.cleanRanges(of: "/usr/bin/holdfast", in: "zz-yy r-xp 0 0 0 /usr/bin/holdfast").isEmpty)
    }
}
