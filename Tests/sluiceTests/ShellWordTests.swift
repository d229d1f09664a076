import Testing

@testable import sluice

@Suite("A word for a shell")
struct ShellWordTests {
    @Test(
        "what a shell would take apart is quoted",
        arguments: [
            ("/tmp/a-b_c.json", "/tmp/a-b_c.json"), ("a b", "'a b'"), ("", "''"), ("it's", #"'it'\''s'"#),
            ("$x", "'$x'"),
            ("é", "'é'"), ("~", "'~'"),
        ])
    func quoted(text: String, word: String) {
        #expect(ProgramPath.shellWord(text) == word)
    }
}
