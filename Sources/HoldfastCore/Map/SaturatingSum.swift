extension FixedWidthInteger {
    /// For what others report and for costs: no sum of them traps or wraps, and one that is beyond bounds stays there.
    package func addingSaturating(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }
}
