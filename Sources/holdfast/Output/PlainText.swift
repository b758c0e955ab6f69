import HoldfastCore

/// Text that others wrote, made fit for a terminal: what could move the cursor, fake a line or turn its direction is
/// shown instead of done, and what is left is measured in columns.
///
/// It judges scalars, not escape sequences: without the control character that begins it a sequence is harmless text,
/// and a list of known sequences is never complete.
enum PlainText {
    /// Unsafe scalars as `\u001b`.
    static func visible(_ text: String, keepsLines: Bool = false) -> String {
        let unsafe: (Unicode.Scalar) -> Bool = { isUnsafe($0) && !(keepsLines && ($0 == "\n" || $0 == "\t")) }
        guard text.unicodeScalars.contains(where: unsafe) else { return text }
        var out = ""
        for scalar in text.unicodeScalars {
            if unsafe(scalar) { out += escape(scalar) } else { out.unicodeScalars.append(scalar) }
        }
        return out
    }

    /// JSON whose strings say the same and drive no terminal. Outside of strings JSON has only line ends that are unsafe.
    static func visibleJSON(_ json: String) -> String {
        guard json.unicodeScalars.contains(where: { isUnsafe($0) && $0 != "\n" }) else { return json }
        var out = ""
        for scalar in json.unicodeScalars {
            if isUnsafe(scalar) && scalar != "\n" { out += escape(scalar) } else { out.unicodeScalars.append(scalar) }
        }
        return out
    }

    /// Controls, changes of direction, and what is not seen at all. Joiners stay: names need them.
    static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7F && scalar.value >= 0x20 { return false }
        if JSONValue.isControl(scalar) { return true }
        return switch scalar.value {
        case 0x200B, 0x200E, 0x200F, 0x061C, 0xFEFF, 0x202A...0x202E, 0x2060...0x206F, 0xE0000...0xE007F: true
        default: false
        }
    }

    /// As JSON writes it, so that it means the same there.
    private static func escape(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.map { unit in
            let hex = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }.joined()
    }

    // MARK: - Columns

    /// How many columns a terminal gives it.
    static func columns(_ text: some StringProtocol) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + columns(of: $1) }
    }

    private static func columns(of character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return isWide(first) || character.unicodeScalars.contains("\u{FE0F}") ? 2 : 1
    }

    /// East Asian scripts and pictures, by block: a column too many for a rare one is worth no table of a thousand lines.
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD:
            true
        default: false
        }
    }

    /// The first columns of it, the last of them `…` where something was cut.
    static func cut(_ text: String, to width: Int) -> String {
        guard columns(text) > width else { return text }
        return head(of: text, columns: max(width - 1, 0)) + "…"
    }

    private static func head(of text: some StringProtocol, columns width: Int) -> String {
        var out = ""
        var used = 0
        for character in text {
            used += columns(of: character)
            guard used <= width else { break }
            out.append(character)
        }
        return out
    }

    /// Lines of at most so many columns, broken between words; a word that is longer is broken where it must be.
    static func wrap(_ text: String, to width: Int) -> [String] {
        guard width > 0, columns(text) > width else { return [text] }
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            var rest = String(word)
            if !line.isEmpty, columns(line) + 1 + columns(rest) > width {
                lines.append(line)
                line = ""
            }
            while columns(rest) > width {
                // At least one character, since one may be wider than the whole line.
                let part = head(of: rest, columns: width)
                let taken = part.isEmpty ? String(rest.prefix(1)) : part
                lines.append(taken)
                rest = String(rest.dropFirst(taken.count))
            }
            line = line.isEmpty ? rest : line + " " + rest
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
