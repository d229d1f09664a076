/// Tokens for the channel ``channel``, signed once with private keys that are gone, and the public halves as JWKs.
public enum SignedTokens {
    public static let channel = "24c4a8f6-0f1f-4d5c-9a55-1f4f4a5d8e21"
    public static let es256 =
        "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.hHhFKe6ug1pGjNiSszERNU9xiCTv-yOAJ9LsSgPFUuZ3EKUIcHw81Y_DXFW9OtuEiJZ8GXmWQbk3NZVmE-gw4Q"
    public static let es256Key =
        #"{"kty":"EC","crv":"P-256","x":"Qw913sWc0vfUYYHvGsMPbsEHMrjCxzPREn5cAeHhNTE","y":"nezS9BN9oC4z54mM2smg62ox23N3Q7M8PXbh6wXgGu0","kid":"p"}"#
    public static let edDSA =
        "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.yJVVVmtLkr9xrl8UfZe1CBgIq1JevX58JbjXMv4992udXpaPuHabWuLVeD6AGBoo8STVRLZ5uB2D0LnYHZ_kAg"
    public static let edDSAKey = #"{"kty":"OKP","crv":"Ed25519","x":"CvR0A93pSpl2HVuQRErDkNc3j_AH2EKYbC55hnABvcY"}"#

    /// A JWK Set.
    public static func set(_ keys: String...) -> String { "{\"keys\":[\(keys.joined(separator: ","))]}" }
}
