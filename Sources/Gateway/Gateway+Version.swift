extension Gateway {
    /// The version of the program: what `--version`, the log and the figures give.
    public static let version = "0.1.0"
}
