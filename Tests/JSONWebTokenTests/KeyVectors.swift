@testable import JSONWebToken

/// Keys and tokens made once with Python's cryptography (and the openssl command, for the keys of types that it does not
/// make); nothing here is from where anything is in use. The tokens' claims are `supersetClaims`.
enum Vectors {
    /// 2048 bits.
    static let rsa = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArlBvCtl8rEVRbofKdSZZ
        mdNNyXsmN0m7F9w6yfWbUtJNB/T7GKeYiqzCj7pClQnkvUxXKkeo+UtU4qh4U+io
        p4T031DDagvpyBd1VP5TO5UCXomcF6wXyezChzB/GAOTtw+6aT8iCuKdzbJIsU1+
        D1pNQzb7LOFHELYp3GhknLSvNxh/3g9xDFqv1DpucjJF2zGQJ2t3F5H9rBeaZF0J
        5675yssmFNFE7T/AOWPyKz3VjJEzughOLB+oGPXKZRfQ0RHNU5JNI3nPPdGYoLvZ
        RQK9IO0GxdbJ6fN45w+AaRey+szPc266TquMb+1eg69sojYnex6+l3gCINVFDXth
        FwIDAQAB
        -----END PUBLIC KEY-----
        """
    static let otherRSA = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0/S//4I95LpbNezdddzl
        x2S8QZ8Mybqc0k9teuUshv/FsJ7sQJOSqFjyfLbTqdv1yG7QHiEqxkVGdxvwT1tZ
        7Zww5YUJIkh67hCA3cHg3qlvwYvDfZAagkRiPByCrhq6AwUZpWPEDto/GCUW6UXo
        jncdHGle+OyfkMdGREmREUajFDkAA2gduaWsJSu46qmk6szsb5RL7l2r98hhmRQ6
        joguCec0stKh0psBMs9BhTuH4+Ycgf7KSefMBLG5XaMJn528r1NPldl3V9o/5nVp
        /JpQy5uDqnFopmXuT9zpmhu9C6NKw1qddRmdOGgQLjBYQdZQoftgiNnanAyHcTHn
        7wIDAQAB
        -----END PUBLIC KEY-----
        """
    static let rsa1024 = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC3ZzhL0NA1aHUf8WhYPy4VRjA6
        lD2aj6+zJEGhFsvsgUCb3/dUmq5RT7bCPPkJ/xzg2eK3T+qLRlIMAcJKxE+P4dl+
        Iv40bHfAOOCkJgH9sdR89noYzCEhlPadYbP5ykLW50NJklYaSQDOkQirySVpst+B
        StbHYZ5Z6uDy9sUqwwIDAQAB
        -----END PUBLIC KEY-----
        """
    /// The key `rsa`, in the form of PKCS #1.
    static let rsaPKCS1 = """
        -----BEGIN RSA PUBLIC KEY-----
        MIIBCgKCAQEArlBvCtl8rEVRbofKdSZZmdNNyXsmN0m7F9w6yfWbUtJNB/T7GKeY
        iqzCj7pClQnkvUxXKkeo+UtU4qh4U+iop4T031DDagvpyBd1VP5TO5UCXomcF6wX
        yezChzB/GAOTtw+6aT8iCuKdzbJIsU1+D1pNQzb7LOFHELYp3GhknLSvNxh/3g9x
        DFqv1DpucjJF2zGQJ2t3F5H9rBeaZF0J5675yssmFNFE7T/AOWPyKz3VjJEzughO
        LB+oGPXKZRfQ0RHNU5JNI3nPPdGYoLvZRQK9IO0GxdbJ6fN45w+AaRey+szPc266
        TquMb+1eg69sojYnex6+l3gCINVFDXthFwIDAQAB
        -----END RSA PUBLIC KEY-----
        """
    /// The key `rsa`; expired, which does not matter for a key that somebody trusts.
    static let rsaCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICpTCCAY2gAwIBAgIBATANBgkqhkiG9w0BAQsFADAWMRQwEgYDVQQDDAt0b2tl
        bnMudGVzdDAeFw0yMDAxMDEwMDAwMDBaFw0yMTAxMDEwMDAwMDBaMBYxFDASBgNV
        BAMMC3Rva2Vucy50ZXN0MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA
        rlBvCtl8rEVRbofKdSZZmdNNyXsmN0m7F9w6yfWbUtJNB/T7GKeYiqzCj7pClQnk
        vUxXKkeo+UtU4qh4U+iop4T031DDagvpyBd1VP5TO5UCXomcF6wXyezChzB/GAOT
        tw+6aT8iCuKdzbJIsU1+D1pNQzb7LOFHELYp3GhknLSvNxh/3g9xDFqv1DpucjJF
        2zGQJ2t3F5H9rBeaZF0J5675yssmFNFE7T/AOWPyKz3VjJEzughOLB+oGPXKZRfQ
        0RHNU5JNI3nPPdGYoLvZRQK9IO0GxdbJ6fN45w+AaRey+szPc266TquMb+1eg69s
        ojYnex6+l3gCINVFDXthFwIDAQABMA0GCSqGSIb3DQEBCwUAA4IBAQCSPHYnjkdh
        p4l1gIDPGPffIVHJ9SCrp7Ew6kfcYT3q7hx9b38E3ArXy6bi3E1ar7km4YMs1tla
        7pndUT7QTfqrPLvXMUeC5Ki4FPzFj2QwCvfmqb1Pf0k8nXzRHD0+kqoQF3rr1pCL
        O/LGVBle00kPv+5nqm2tEt3AtkzUv/zqYvOVRZ2kibI7hHOuy42AlKfpGVCHqOX0
        Ih221gMRBAO5TIjwf+3ci+UGGbrSu+ppUVIEE3R+kRhVx68slrd2jviSybrq9YmA
        6aHJMx9dQbBEvsoqdKCGJNM+LVfEAtHLFngrS471epT28tRuTxTHgyMHpuDXA+bM
        xqmh20OR4KDH
        -----END CERTIFICATE-----
        """
    /// A key that may be used for PSS only (RFC 4055).
    static let rsaPSS = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAKfeWHBWVzrDy3/i4qCmz/wk
        h/cUidKrpM2RINzAKEnSUL9ArAQe4kc+N2WU27JCKEQrWeKj8zSJEtX5OYSDwziO
        X8w6l4ucwilUviqpnYw/5Yyxha77XNJAdcFNMIX7usX6t6cAGSY0Hjt0r2kdjQhZ
        asfbE9rAlMZYyda/nWbH5PDkp8zq/V/VoQstcWhsWFeCFHx6Ng+auefCZ5PPQzR9
        Rkej9msIBt8wlOaA1HiFN+5G3MWTo/OZa4AnqOjltQtJzkYxQDiSq8kNhZmaON23
        DGcWiEcwRTumEJ1Gk2nqFynLM/jZiK6ShJzuQICgfqABU3+14LPPBY2w40abB+sC
        AwEAAQ==
        -----END PUBLIC KEY-----
        """
    static let p256 = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQw913sWc0vfUYYHvGsMPbsEHMrjC
        xzPREn5cAeHhNTGd7NL0E32gLjPniYzayaDrajHbc3dDszw9duHrBeAa7Q==
        -----END PUBLIC KEY-----
        """
    static let p256Certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBFzCBv6ADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC3Rva2Vucy50
        ZXN0MB4XDTIwMDEwMTAwMDAwMFoXDTIxMDEwMTAwMDAwMFowFjEUMBIGA1UEAwwL
        dG9rZW5zLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARDD3XexZzS99Rh
        ge8aww9uwQcyuMLHM9ESflwB4eE1MZ3s0vQTfaAuM+eJjNrJoOtqMdtzd0OzPD12
        4esF4BrtMAoGCCqGSM49BAMCA0cAMEQCIB2FqY4VE5XxuRr88h7LcwenffzgbZ69
        YzGKnxARy+0TAiB72BEgjGD3bVNchbVjd2xdgSKAUb3OZT8eqeG80lOasA==
        -----END CERTIFICATE-----
        """
    static let p256Private = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9zUGa9rnapzWDgk9
        GZUc7MLkRpzoKCW85fvym/E4mnKhRANCAARDD3XexZzS99Rhge8aww9uwQcyuMLH
        M9ESflwB4eE1MZ3s0vQTfaAuM+eJjNrJoOtqMdtzd0OzPD124esF4Brt
        -----END PRIVATE KEY-----
        """
    static let p256SEC1 = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIPc1Bmva52qc1g4JPRmVHOzC5Eac6CglvOX78pvxOJpyoAoGCCqGSM49
        AwEHoUQDQgAEQw913sWc0vfUYYHvGsMPbsEHMrjCxzPREn5cAeHhNTGd7NL0E32g
        LjPniYzayaDrajHbc3dDszw9duHrBeAa7Q==
        -----END EC PRIVATE KEY-----
        """
    static let p384 = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE47yguMNBOToCcEKd+IxPzHuJf+FNDBpl
        c0V2Ac9fHdtGbsTqoC60gXnfhevLIXUOTfIOH03zxuvaL15k5qH79rsvpnMhWZUs
        rXVz0JA5CVx0v9MrluKUwP0vXAjuRNIA
        -----END PUBLIC KEY-----
        """
    static let p521 = """
        -----BEGIN PUBLIC KEY-----
        MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAJkdKfIeEBHJpfWs4WosaE8apmHRz
        CDOG47ozyX/civpygzHHkdSnJgyu9+SJX7XLlzBBwWtk4XJ+t2Pf32eljKYAG31k
        DJb25dronJgudVVcwOb15ucko646CKi/tM/l2bRRI9ICq3xBuRu/QoXos6TUAW0a
        deaAg8FOhW3Bzv8HLmE=
        -----END PUBLIC KEY-----
        """
    static let secp256k1 = """
        -----BEGIN PUBLIC KEY-----
        MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEMeThXrmzs6l8UIpCpcB8q/imPiNYAAvO
        2/G0FX37K+BZp4rBa649NDpbV6Sgq0DPv67s14ILn/ziAIponxbZ3Q==
        -----END PUBLIC KEY-----
        """
    static let ed25519 = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEACvR0A93pSpl2HVuQRErDkNc3j/AH2EKYbC55hnABvcY=
        -----END PUBLIC KEY-----
        """
    static let ed448 = """
        -----BEGIN PUBLIC KEY-----
        MEMwBQYDK2VxAzoA5cQ6p3s1oZZE4y9hMpgiwMUMDdR5laQ5y8Hxbmjf4ZtHTLTU
        e9WiN6ebgCmRADm2FlLsNEjmUpoA
        -----END PUBLIC KEY-----
        """
    static let dsa = """
        -----BEGIN PUBLIC KEY-----
        MIIBwDCCATQGByqGSM44BAEwggEnAoGBALV6yhOIXTfIAQ9zt64d1SFzZVC509Z3
        YAZObLAhATeHB8aj0EpvtyAgY7oUHY0apeqGf7CH07NvhP5/ahOADZnYCT5srITg
        LzBStpTEfTm5IlWCR59VMSDcAgelznT0cq/By5vUNtDeiSEeyWnpLuBo/vL71hw0
        KkcAASIMTVsrAh0A0d44xWY+a6cKC0zZkzQTaHvYSfV8hE6iak4gkwKBgQCXW0LK
        wqUvX/EWtxF2YxzoaIfbq2/6cINEw1NblJ+OJRPqJgOomYS+mYVx0eNri8TKDlYd
        y9rLRfU+XtAZ2bxVhn8QxTWMj3+JZ4ukNxF/KyqSPYVtzCLiSNEAPSF87frAuJpz
        RcRoRXug2Xbg1G/e5siMaEkNJmdAG2t6qRm2qgOBhQACgYEAlVTAcfdYwzL809Ed
        uoDsvk9rnJwT1W8zL3+59/i5NdsKZkxZWcfMCrWqwUBOOOvm5v4AHvRs+/SNpu3u
        xGGo32mIzDKH3KksPR1xLvwPdO21wlfb+eBwn6oD/N2jc4BMo8nihHT6A2Ab7tNx
        TKYTwJiuxTalMqNGX/FsJJFLjzE=
        -----END PUBLIC KEY-----
        """
    /// Members of JWKs of the same keys, for more to be put around them.
    static let rsaMembers =
        #""kty":"RSA","n":"rlBvCtl8rEVRbofKdSZZmdNNyXsmN0m7F9w6yfWbUtJNB_T7GKeYiqzCj7pClQnkvUxXKkeo-UtU4qh4U-iop4T031DDagvpyBd1VP5TO5UCXomcF6wXyezChzB_GAOTtw-6aT8iCuKdzbJIsU1-D1pNQzb7LOFHELYp3GhknLSvNxh_3g9xDFqv1DpucjJF2zGQJ2t3F5H9rBeaZF0J5675yssmFNFE7T_AOWPyKz3VjJEzughOLB-oGPXKZRfQ0RHNU5JNI3nPPdGYoLvZRQK9IO0GxdbJ6fN45w-AaRey-szPc266TquMb-1eg69sojYnex6-l3gCINVFDXthFw","e":"AQAB""#
    static let otherRSAMembers =
        #""kty":"RSA","n":"0_S__4I95LpbNezdddzlx2S8QZ8Mybqc0k9teuUshv_FsJ7sQJOSqFjyfLbTqdv1yG7QHiEqxkVGdxvwT1tZ7Zww5YUJIkh67hCA3cHg3qlvwYvDfZAagkRiPByCrhq6AwUZpWPEDto_GCUW6UXojncdHGle-OyfkMdGREmREUajFDkAA2gduaWsJSu46qmk6szsb5RL7l2r98hhmRQ6joguCec0stKh0psBMs9BhTuH4-Ycgf7KSefMBLG5XaMJn528r1NPldl3V9o_5nVp_JpQy5uDqnFopmXuT9zpmhu9C6NKw1qddRmdOGgQLjBYQdZQoftgiNnanAyHcTHn7w","e":"AQAB""#
    static let rsa1024Members =
        #""kty":"RSA","n":"t2c4S9DQNWh1H_FoWD8uFUYwOpQ9mo-vsyRBoRbL7IFAm9_3VJquUU-2wjz5Cf8c4Nnit0_qi0ZSDAHCSsRPj-HZfiL-NGx3wDjgpCYB_bHUfPZ6GMwhIZT2nWGz-cpC1udDSZJWGkkAzpEIq8klabLfgUrWx2GeWerg8vbFKsM","e":"AQAB""#
    static let rsaModulus =
        "rlBvCtl8rEVRbofKdSZZmdNNyXsmN0m7F9w6yfWbUtJNB_T7GKeYiqzCj7pClQnkvUxXKkeo-UtU4qh4U-iop4T031DDagvpyBd1VP5TO5UCXomcF6wXyezChzB_GAOTtw-6aT8iCuKdzbJIsU1-D1pNQzb7LOFHELYp3GhknLSvNxh_3g9xDFqv1DpucjJF2zGQJ2t3F5H9rBeaZF0J5675yssmFNFE7T_AOWPyKz3VjJEzughOLB-oGPXKZRfQ0RHNU5JNI3nPPdGYoLvZRQK9IO0GxdbJ6fN45w-AaRey-szPc266TquMb-1eg69sojYnex6-l3gCINVFDXthFw"
    /// A modulus that is a prime number, whose private key is no secret at all.
    static let primeModulus =
        "iTaCPo4RLbenj9yv6VU1hV7C-7vjZ5vs0rPlYL-T37F5a1eUvIgN_PEeDIFly4yzEgzrL0Muh6BxJE75Zn7dZOWj-48EQGienn6ncy31599U18Z3BMcOaCHmwJBlTVD9uaxqz9_zx6GcYgP3gB5yVuZ6xjlU3KEp5quXdTpi6GqgboVNpVnFabm3cECHEOZHyPbDZzjAbvamSFMzIpoyHJARB2Uj7izeXQSRBHAL3kRDs2uvJ52ryDdQnZyvpQILkdFPTdm0SmphLf5ue8u9mpCRYWToh2Xki0Qxx8nA454XXdQnrz668KCByInY2gu5BlSQdBwpOrO3NUGKHs9MSw"
    static let p256Members =
        #""kty":"EC","crv":"P-256","x":"Qw913sWc0vfUYYHvGsMPbsEHMrjCxzPREn5cAeHhNTE","y":"nezS9BN9oC4z54mM2smg62ox23N3Q7M8PXbh6wXgGu0""#
    static let p384Members =
        #""kty":"EC","crv":"P-384","x":"47yguMNBOToCcEKd-IxPzHuJf-FNDBplc0V2Ac9fHdtGbsTqoC60gXnfhevLIXUO","y":"TfIOH03zxuvaL15k5qH79rsvpnMhWZUsrXVz0JA5CVx0v9MrluKUwP0vXAjuRNIA""#
    static let p521Members =
        #""kty":"EC","crv":"P-521","x":"ACZHSnyHhARyaX1rOFqLGhPGqZh0cwgzhuO6M8l_3Ir6coMxx5HUpyYMrvfkiV-1y5cwQcFrZOFyfrdj399npYym","y":"ABt9ZAyW9uXa6JyYLnVVXMDm9ebnJKOuOgiov7TP5dm0USPSAqt8Qbkbv0KF6LOk1AFtGnXmgIPBToVtwc7_By5h""#
    static let secp256k1Members =
        #""kty":"EC","crv":"secp256k1","x":"MeThXrmzs6l8UIpCpcB8q_imPiNYAAvO2_G0FX37K-A","y":"WaeKwWuuPTQ6W1ekoKtAz7-u7NeCC5_84gCKaJ8W2d0""#
    static let ed25519Members = #""kty":"OKP","crv":"Ed25519","x":"CvR0A93pSpl2HVuQRErDkNc3j_AH2EKYbC55hnABvcY""#

    /// A token for each algorithm, by the keys `rsa`, `p256`, `p384` and `ed25519`.
    static let good: [(algorithm: Algorithm, token: String)] = [
        (
            .RS256,
            "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.HoNkxrnGr_p0ayHNFwk8y2_QRV3-4ELg_vmgTAq4e4xwQEY28QiThuK-WYK17HHq0qFTZrMPcE6Qb92msU19X9ZsAd0mhY_5FcLBHMGyfU4y3EGQfVrQ8KPB-Lr1CGP3uDBERrXMINY8j_lHsVByqd1yQNk2_XUcpO_Lt1WW8u1wgBpttdesrcaSxIHdGmO7K4Xzn9GxL1EHOiZrPc9w8_eanBUXrkbKQg2HiCkY6N2IC9U33z7jLRpt-EMGgAOphwjZ8XFQ00fTBm8FW7gWvYPtb5d_y9yIAZ4INZzMtYg9C3wWO7kPvMwfATc2vBZM2cfe11DyXQojWj1OjzX58A"
        ),
        (
            .RS384,
            "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.MTnWP2kmPeJ4KpsqxyVw1yZR7j785B4cQDsr0SePx6LCIW7x2fVh26DXKcL4SpLTM8SL0W2hmCkImZvUzyuFxdtCcMtkwudR-uS8hEHr80t1Nvfm9IgHf3uWEptO-s18Fk1TAXPNoKGbOE-YGbs9oQegDkzMsTKFgk8N-mHlr9XPbVJZwoYya4iWuJrK72_v0Hp3Xme1oWDgnpCpzEMiU8S0Jr-xRWAEW_NUNXT2jTVUqwHOcbZpM6rW51GZh57npNZT6ZlXL0dS2FQD7Y_dvLbCaKGAvbqjKasI2ebUh832hnqPTwn7-d3054-GksoxAPNPOa4jDAci798D602KTg"
        ),
        (
            .RS512,
            "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.g4Tjce0Mnc18AyYNOguOscDW8Pr1_TNOzRw2v9uZMMxjDBKaNfspXIVIXQvWAdWfEkhgPOe5yESUKKbEjUJwfG9Llw5PnwhCplMTZvmcqGBWH1lFHD9d260-4BzJLP4TIvuNb3nZKOj9qYk3BQs3ZYpDjNKOXyHmNj4PEEBjWH247m63aLMEaMeWT4kb4o4l3jbgTLgqm6DV1gYbfSPrk0rD2cEQ1GiM1qg4KPjGWbxgalJEWUP9jBtCsWBpkGoqL7PneMM8ugYVRlCYCo3_RpYlQFjGetYl1hu7pcUG65T4zz-8xCw0IDSgcNdtA4yLZMxtE_yuvq_-hH-IhbNZmA"
        ),
        (
            .PS256,
            "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.CRvlXzu5EF6NUYZjpZrjP7G_YIGJIs8UdeTJ6_O0CArh4PUVR2hVW_Jhs47seUEef3XHPQMSW6fuSy3z_FHEN298XM815sA8IcUhTjPc5FykFohq7A0xqGba5gQZjAYEeydbyw2BdSJrC4qYgxUWTSBItosPyq9h7P3vOHpQWBVpVgqRIDJB8fqzElGwDr1FW3Rxx1YzdSfA-0aYJdQ5zJ3LISTE01g2TUuLhekDK554TZW0zBqhO8M30iau8aVXoRMiEsxCDgS21yTw0xDmBU-X1FJHYr-Bbcr2xPzaaNqG8A66lm0oPfWLAxCi-gSkREO6MhtyFPMGzOsKVm7ShQ"
        ),
        (
            .PS384,
            "eyJhbGciOiJQUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.CKbXHDDxm1raps1_aZl7ai7AFjHq0w6jsmdfX83B1vhSMgdbdzLrAI10f72JNi-kkUs3x2djP8XNCOG8bOfO0zr9P5Ct9EZ_ClLku3sXjBwW9MC_1x0hMHSND0RSbKYVz4e6oJroohIcs_IUK86Ifer1qradoQPEqtonJu_8meHku_yCrNme-gVegYkWFgnvVa9-mgwMaA1U6JmgQjp0OdXd8tex8xmJzfXFHQ9oubCYnOHsoJv4gLbBOGIYTLW8fgk1rnatdtDSdJLIvWWmUXlO8gvtZ5qscPkB7pku1jrLPl1efORxKJNGKNx1eyhahNBkPe17tlUtvrD2m6-JrA"
        ),
        (
            .PS512,
            "eyJhbGciOiJQUzUxMiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.iBuj4qT2qUBBw-7pOR7xvXRUgNHJjw2Eb68NGsa7S2d-Fs0xz-kib7NZNTsUmCE0JsUt8fZovfzq7jNRX87yzzZxOYjEPqNF32ljGFJTmVTYEso9dRX4lTF_vd8tX-9rQZLXJ4W29FaveMEzoqgUikJi6r-Bh4xJD7RN1Uaqr5W1EUdKHETE9Hxj920HD59BjGS8wIpNTQt9527ls0FJQVURz0Ehg75M02qEomJK5PzF7HYGqNGI_goJNpcjIu1j8iJoYRK6WThGNQimh8_UCa3GRW6SS47nXj16j6UBJMY6t6-qFJYVKNZu2WjXY3inPetj5hOJnow1j8zE2cklGA"
        ),
        (
            .ES256,
            "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.hHhFKe6ug1pGjNiSszERNU9xiCTv-yOAJ9LsSgPFUuZ3EKUIcHw81Y_DXFW9OtuEiJZ8GXmWQbk3NZVmE-gw4Q"
        ),
        (
            .ES384,
            "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.b_YRdHg8_Sab31aFwyUSlBNRQovc_HdaMSsqOiX7JRoD-kyufVH2C8bXEkocIlS0SMJoEdmN1uNF33ehnIGgiT_nvc5IP_1Q1Im_zGmdMcu_TSMxrgBGR65HG3GIAC9w"
        ),
        (
            .EdDSA,
            "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.yJVVVmtLkr9xrl8UfZe1CBgIq1JevX58JbjXMv4992udXpaPuHabWuLVeD6AGBoo8STVRLZ5uB2D0LnYHZ_kAg"
        ),
    ]
    /// RS256 by `rsa`, with the `kid` in the header.
    static let namedA =
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImEifQ.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.Oogo2mjNKt3-2ynAgpoxr5CLmysGFePSUR92SGc0LKDs3iG5i7t9BrmStKzFNR85MxOFEl7Jr8HRLy5WP0kvxLiOxDgIJFVDOcRI5OgIx1RMQgOcy3mlRm9Dj917lwReY5VpgcpF2K0YdZoc8wlvBwUXr_HFc4Na_7rz3qGfCN4rwsAX8mxbnd7TB8FJ9RDrHxkykHhbURKOIgiUNlmkCrz7igF2yAIkGYqE1EZGz2CuJzB1NWbE33vP0MzSV1Jrn6yd8s-KZYjzmIDEXJYEwqu62t0IjcV5LARt4xtbB6QAWegnIk20rgzPJcVHLfSsJqogmnY8eLyEWrKuHNT5_g"
    static let namedB =
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImIifQ.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.hipFNYuYOMDtnizGBjyB0bNpWoUPptOrKO6rBiufdY6jTmpEYxRjFk07CMUlHXmsHbI6kqzEXP9tuRRE1CJuCWsPZXIxbpn3BvLG_twH_pZFuXmILX4AnSLv1Byr4A77W3A0EY8uFkx8WsY1IG_VkbyR2aPU9bDfy1T_JCMx8rUpyhZZG-agiF9CY1cajFPxKFJg-2Y2X2nHyBm1AuQSrFZIEXyVbkHN10aP3N4OMhzoTqGkZrHiQUQgY8P5rsy2R8CzxY87WMkZlU_soJOZ5x5p3vm4Ndd5n-au265QRmucxxPHGcBtZB803T-U5YyAAQ57-r_Dtw_DSoXjS5DDQQ"
    /// RS256 by `otherRSA`, with the `kid` a.
    static let namedAByOther =
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImEifQ.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.yMD3bObPztawNCh7n0ydeQkw1WTNXt5VOPj0LXrLib5wIFE82HjzkHkaLjIgXZdCtWt7vfpQtvm9bCTbKGRxSIbNeo2fbuN-gzPCYok-3zkWHyC2oB7nyenwqg4WO0Cent0aGkY1BrExAKshzHYLUwf7kGnALxh3J17bKHGUYSYu--Dv2Ei6-HhRPdozONBYCD79x7bti7v7kyNjeH6Cf3pB2feBIgexjMCdZpGd-cnxGIuM5FdO7r7A8R19EVRfxMMWcqosLW7yXzeBRrhEaGoPU9KEriY0ADO3ao-3XqhGsN-xd65nw-uidckFZfqEm2hRkriNppkhpucBIDSVDA"
    /// ES256 by `p256`, with the `kid` a.
    static let namedAByP256 =
        "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImEifQ.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.guhQWK7rfkj-SbdoAr7ujbHbtkLc0wATW_Ply792tM3atQDo_wQhvYPWWcADkA-GEdMgHXOQWcSXC5MQaAWdWA"
    /// Good signatures with zeros where a careless reader loses them.
    static let leadingZeros = [
        (
            what: "ES256: r begins with a zero byte",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.AFILtXaS6V0Ji87EG8JA9sYIUMO-HlJQSc03CcX47WTwCm_HFC3a_sEI0vS46t84XF1CsjzZaRpDYoMC0GqLHw"
        ),
        (
            what: "ES256: s begins with a zero byte",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.zCI-_06OuPMn_8S5OjZVbVdnFCpe8Yn8jbX594x2rXwALKe0Y7QdG1M15lZB0-7yb1c8U7js8yPEwqDYkgzrAA"
        ),
        (
            what: "ES256: r begins with two zero bytes",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.AAAjzrbo3xjSnk4BolkS8BUzfu31KExeS6a3inubNok7jTGXGm4dUr2o-uJnOMMMTmcPRyqzMeUUUCtRqZzKKw"
        ),
        (
            what: "ES256: r begins with a zero byte and then a high bit",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.ANAqfRrwAiV60vkix2Q040pU3mxgB4sdnba9q2VSZxm7KKtBJQ9sVDUpxta8irohC98YMn_eCb-8MAuRXpgwjw"
        ),
        (
            what: "ES384: r begins with a zero byte",
            token:
                "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.ABfvS-sXDr8fKWtAdGSWbgAQH7HgBq-XL-hLH8TWEH9-RUCu52db3M5lwBomdAaC0C4Eiq92KRrVhOKGTGTLjRh7FDGrCVqY_eQLm9UZUcughYV41boOXVQzeW3QDh0Z"
        ),
        (
            what: "ES384: s begins with a zero byte",
            token:
                "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.aK6f6q2uEbIcPUc87uhrprR8Ofp0A5F9_4wOivz6VLdWcY0pQbvyhw0m6hzsefWbANJbchaX_uDIDuAHtONEyEzu6fvrtLfxm3AkEqPNFoG9dSOozTqOlOeivjhVy7en"
        ),
        (
            what: "PS256: the signature begins with a zero byte",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.AF8TVsSSFOQ8HsrmppmQnF6yiqXzppq0c9UKIayLX2B5QYdG2DdHWdESZ9T-hd1NrXpZZfy5uHMGf3dfYpOF4hXxu3WfUOPnZWNGO_F4Y4NuNUyKkz71-4EdrGuzwTN9GAAkFuTyXXKI44OuhifNcnT0pZCEWhcaaqJpZNg1_RcjfywEqSzrSpTqanTodHW9Ujoycu6RGSR1c86mLEhnUQHd0i6pq-6xTFFTV4rDu4IFhwJ2aUlaLKTTLKBsaKVtLunSZ4hD5HcYbooXsNkQ1s5Nnz9_OpRNau1q4Y_mydSRIER8ySt9jIAFPMFUA9fJCgzlLKz-Tp5w3uSflh_JPA"
        ),
        (
            what: "RS256: the signature begins with a zero byte",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwibiI6NTF9.AAY6a_bKEdK9cCTq1Sq8-4ZsZ-yTlfGf7wKli-upj_p6DQs75UC2kurBliBUVeLC8mGfKtNUWcpCeUQKrY-u85WnThn7sJnq_yb8hvL5pDlZKojDS718WLJIymq53f7JhNfC_uQSs2ZPjfWH1aWZIgijGfsF-VYz-Iovc_50rfFLivdalVoXMDfum_1vUYbwjehmD22UhtrpHlisHlTnYnoLTfw8iXDoJ9eE6jRit3uFzv0gqx84301thSYG8ftm-fpHKq-aBd6oTSSq0GvTBOnCG5KXNmEyFj5V5Sz9nz-lWQacUI9NWKXMEZMv3VLp6mctQawX0g7UEfmZsgKNGw"
        ),
    ]
    /// Signatures that must be refused, by whoever's key.
    static let wrong = [
        (
            what: "PS256: no salt",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.CmvtRbSHEtQi3zvcHJ1sagfdL4tXVjzST-M5Xl-VY3PKjI-JwZjKg836gyJb-QMZNKy_4oiRRLh6HQT5TmVmFwADEM-6Df372dOLvTKpsA7UlqgBvC_oydOGKa7xJhPcrOWx3npKYVWLbMCTd69Uo1EM35d7UuzVyEjAKMWlAhY9-JoKMQDslqPiTyFkovEC4X4PrYfYB4czwjvDpkMOyFSc90INErUxvTpRnYKm1AM1JFpztjTmzWR9-rgg58xrGZh76pJGF1WBpJQ26jysZ7Ho1Jh3i37nnHJsp1n4z5TjAAaI1SO_W7oMQDXwsX-llRhZXNuKjGwBkYe_ak4QdQ"
        ),
        (
            what: "PS256: a salt of 20 bytes",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.TCP-sTFb1BjHuzhiyX_IjrdnohaGVr2UaoD65BlqxB7DuXP7O8q0e04inAo1ourPuEh34dT2-d913G0tkA0JjfkWSja9eTokv7x9wRJ6SAb2BiqaXxqrkhi012a1fkj1Eq3WuzyPyRNth7SetsLwMNyO3VuoVE0U54R2QKI202r-KURacuqtSz6ZJyrOPFIpV3_t1tH62rAUvWiJFlhp3n6KmtRLFvSlrLmrL_iHVB64cDBqay1nbAogtN_dhgWORmNNW65hXr92sdPE405_I_HnXkXXeRx3seqaSx_8at4mOnhm8RNLuN5rsQBapX3xsLbLqspkYE3o5Pckz1lk3g"
        ),
        (
            what: "PS256: a salt of 31 bytes",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.Wab4KmgwF2Dk0JyyfEMs1O-em-M6STrxNsDl6bBsFHQHHdOpJbtb7LvLZxX5i2an83b3sZCfcLzqOmzIZeUhXWGbbsMzHd2BvmFlS29r4y9XKo6J4oulhX0C7WtTMEF-Ot79gFyD94zoJdhgnsnfovOvuh_MdPLI-NeVYnCwCu9uRzv1Ugps621V8M_K0NXMptKDFBxFefQ9sZ_9v6NC_erR83PAF5P9g_PdBYXS8Kn0WrAy3WT64X13HaSTnkfF9T040WLSaLVotcoKjYzr1aRIKCZgzZaxdCcYJgr5bJJfuR77sjbecCY5Hg6x-yLMW8OAW17JHri7dj0ELuALfA"
        ),
        (
            what: "PS256: a salt of 33 bytes",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.JT08QrybiwNbcHBHW4r2v8-GLGq9L2zDAlWch5esgGy4W5fBkbZJ2FqFAvSds2ccVzWd5p6OUK-9kP-9RrUpk04REt2lyTFLRvITQQe6rwJg6kO851ncCO9G6U73nqTPum875bzEH2FgIichJJDc1TB4m8aw8cq-xqKvqHvwXAW9IEKzzPPLGxmAsM-WfXnHFwuQuvidLJtkgIN9U6Pf6hp3TaO6rW9kF2LufYMcoKy1Gcc7Uvp9ZY-Nd7tOsioo-lheL-teCNo7uMKIY8ODE_uGnTrelmHFiRXMh97uCJGMmJejKiIXhqhA4_eUBa7ttgerxBNqE0TNlstPXmWS0A"
        ),
        (
            what: "PS256: the longest salt",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.rbMHTY1p__oxYBmXvRJkIuzr8wnXYBwknlbOCHoaa_mnnr1a3aMjwMutMbETy0kZTJ3nXbPn_HMIDpAmMLvymKT0esP2G9pmkJweFLts3u7gPcCBka7kngRSBzpIPw7xB2u4btHEc51G-8_WY0QXntSeHQ1sFsV6T6bWNqOskFmJW3xSTj4_RiarZFFNzkQkoy7d5XdsslaKa4kyBRlOOldAnx70M6Nb6RymnDYl_T944RpFnCfgW95ECFSyRpjwhLBCyAW1nrtbl3K5q2gFNp-F7JYYmEBkPRvCZiWP5CwzQQJXBAcc4oN3MEErXu326LYSt4JUhD1-Hy0Ntf1Mbg"
        ),
        (
            what: "PS256: MGF1 with SHA-1",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.C0UTZdf9HTiEMlNfOa2jxsX9kbCSDFoLjDs9EIhLDvLYlhdpF6ZUh3t2N-z9JyI0S2M2zEVK3CeLGYkTD_LPvvyEWaZSSbFuzmtIXXZtc4o9iVXKrcKVD1UpN-iIoFw8oWs2mm5g5TIt8wZxcv33o0BlGnB1CUDsvqPzDdRGldVJCxuCTCwiBGakmiFEfNRehbtttUXlyKNJCkNs6UEyjnnqC8zHz9kHlHiLXcXnsaw0v0_cqBvGbrObpt-mWOPP6QK9yNe42AU-ONCPBj0IyDNYRmSr7vnQB2jN6apDo27tyAAzC0lynTWPNN8phrMOJrnOaQaIUmR1XTfwhikIAw"
        ),
        (
            what: "PS256: MGF1 with SHA-512",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.CypdvzC53-FJlyeNwc58MZXnxycZibPt1R028ITWfOUHIIWgmLgyfaCVLql2Eb909Brp43OuauninGyFOSUi6jBtLC7NTZecQCWFmRSKZldBj2d319TI0yXJQHPAo5K5lysoz4jDTSgq_eW1KZN5_ZlAKrZYVMTr9fIN9OuJ2H-_OO_nLoy1LXOLNkXiuwHsU7wNz6c9dBasQfxYX0YLij4V_XA17MJjAGNxNt1WpRzN830xfmUCwRB8gL4kBEYOlRBK8eGCkJ9eGRUNCp8Bplfl5Vn8pB2HRpEM31zewsXejJd4Nl4CQkDpQoLXkMfH8rRwEELp40cqTKwLiCillA"
        ),
        (
            what: "PS256: SHA-384 throughout",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.pd1Wpxe1LQnFNLOAjmZUqq5MwdT-j_C7XUhxkgqXPo--fjfzjh9rUdbE-MeqLyPPTmcVI1ukGbPEHp8WCEkY4sDdAjAYY1G3y8kXMlm7yeogS_IMhHyYE-xmRvcIffDsgGUo6RhpX4RpraOJluXG_tQexA6eN5gJYy8EryE3jE-Wc5BoPuWzLjQMG4VPYaXdvaq5y2yAlZnc_NS2oZmYx3Rd-_ONCgvMzIO4oZP6-p7I4Dys19-fi1W4s7Fk-lghIpjwwy0oIl7ODCRiFHAGfYn9A3usHaH0PSPNv5Q8muNq7dfTc2fLItLokdH6rKPhOVP9xpbJY4h65K9O6p_QFA"
        ),
        (
            what: "PS512: a salt of 32 bytes",
            token:
                "eyJhbGciOiJQUzUxMiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.aUQ466dG2tlFkUHoO7k5vdawfPYLlRIWDlSIWmjYLPtIMNMgb-i32iufWCVazxgNr41pKiBG7CbHBZqBX4wuZ9uaph-Voq3Ph8uC-_vG3kj-NImP7iqqahdXg0mp7NDpz-AP4nQEGPn6FHqatgrKL4sHNL74MsbSlz60hYDoHE1Ie2cH0MuiJRiv4U0t0P15IQOt3vtiorR0XoAtJ8LPhuXvKMaYOs-z0AONwyOkRZi1aPwhVIhBsjHNJzLM3ZWjYCPqPOjXWNvYFNOq_vsxw0o7fUY1IuW9xuIjO3xirW_kPtFXe6ZxQyiRlU_Pv7E9dy36rmMRSJepkHMwla7Uzg"
        ),
        (
            what: "PS256: the padding of PKCS #1 v1.5",
            token:
                "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.BbvrUKZ4mhWqC0F2ztIYpPIIsY1SO5l9wKCXuxrgr1pNMt03OgzdK02REL_g8-4QKO5SahrpebvmO7UKMB8aoZtG2SleD3AxR2fIOdvPWubv7wgcGznKRhXO1eeasbWsGG4se4NXTACYHpFXlvTjMWZ-SkZBvixYRn5qDuzl40L0W6BgbtkwCEBsarKNPhYTFVIDC-HADmv8nBC8qZsMMcPvzldhQ6fXEjrwm0CnZIq3UUQDGdqn05Y-gC51Uy7kiALJPNCRbnbMfKMsjvJ930oaVGaf-CNy84t470_IFd9e0ImXqi3p1lCjftntxTnb0z0pKLK6DUJyiW40R0uK2A"
        ),
        (
            what: "RS256: the padding of PSS",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.lItqbGnA4FN70aRZ0-QCT7YQAehLFxuWtDB8CV0hFCY7_tZLX1JkVaVZTTodbIYgIOHioTpmtPonK1KvkPBnyCb6CYCrXZwPG44rjTXSmOsW03ZuWb2k3wIbdEHJ1wtRraduA5fWqxc0jWFjP0dgsRiN8DYdbMJxQlXm6vPgNg-9x_T01NZCm2ftv66wUaOIo-hzbfTveFjyEWmJBVbCko9aTFESDTb_vnNPDJhGKesHRE5hF-OqNc63sBg04EvrQrfxoFhop33l9P7BnAF8J_V6oTkSUHdyG2rqxAXMGrOixZ-Qi6l7SxGLoftoPG5lLpDeeDoWuxNBBXgtobGLTQ"
        ),
        (
            what: "RS256: SHA-512",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.GmmWil8mJ1eqmEPLwIoK849WM7jJTMWedhKRXegsmefPMcMe97cBSwa1jGgMp1zja86JfAjj7hlZMQ1TqNf07x5VQ10sL5idoGrZPtBixWaDaHNpyyTjWatxzPrhj0ds7VBIRJ9_IxHOzKnydiahwB87LZLv9IX9sv0aoLIqCdFuvBUzbF2TV0INZ3qQpKtJIvOS22bh-ZC_mQvY1HZMMfZ1dU4ApvyLZXMrfyQ9n15t1BdF98F_Ca-NYTrpqrCZkKZk_kBKBEqOQVe6_xsfXilhiXBLKQFhLPYu1lodOlg0vCQ8YhHkZ4rhzd0EAOCNxC3Q7DZL3LyN34WSA4H9rA"
        ),
        (
            what: "RS256: SHA-1",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.IgTIAQjuhGHICtBz6GrJIdVPtD-mcrRXM3RMagX4HNvhjxkOp1tqMl5xpUeAYoRIbFyArRR5jnpT9s90KhAGawngXXw8zoM3xGcx-O2Ss-aShRLy4KsFsv4poJKBripHW0oXhtR_ro1oRBEdRD9mvxtxGLc8cp22Jhr49pb4crpNh2zbcHsvhIwzIL56rV9Y22msPlmj_N3u8rC75j5frP8OMvuNriQD-Ht2J5Vmat5lAsATyHjKOCnANuKIhohQpnn2SWRSQb-5fJIrIgxCrrPecPDI0OcCb6J7RZ1zaTCC1_8l7HepB94pJJBeceKYXuMHcyeOpiu6F6eqCCoKmA"
        ),
        (
            what: "RS256: a padding of eight bytes and garbage behind the digest",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.HnrEoy7XgSlX-Mepae1LMlItTdZN6KYovAph9YaLTLNHyLr0npP86Uf-yXnkGDKEBzCkUnb3YdPlTKhxPREJZnFhvpUYDCEJx2bkFc6ThsMJ6zSRvI8OBYElgm8nm29xpO4gXFfu9vMlh5UEiXKN7DOKnR0G7sKC1Hb9qIFlq_6iu4CjubMEj0pkuZi-_sHfHUC4Nr4xUCzsxxvm8u1EfP2yhfS-H3ELQZxhj3z-CkdweIdwlBfcdQh8hmfTUrZ6GjcePsKv0VmwgmIFhOYEcJAwVCsDM-TjPxPwDAiquyEVBP-cp9QVV8Wrbu9FXNotxpgL-gk2mits206MSTtH-g"
        ),
        (
            what: "RS256: a digest without its NULL",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.YMrwevPZZpK5OT_mP4YPl-g9ohz69kxIaoDzyUGgtwMGTt8i1XvJKiuySTDRvOZ6fVKcx5w2xjy9E-PAe7lNSf_rj-jP1S2GPF-BxdJAhky2R3zg0Rxf2qnz-FZNPr3NgFJmauti_4Xn4qp0-mocHtUV14tng526pBhTCltjM9CxtCM6UCBgHWkDcDU9L61hdXZiHEYOUcM5bQpCBRl5bj0YwUdhnea9Hm5Nsj6l2p-EupwoySrPj6XfaHJ8TNDKzHqj3qkqzAY0-Hiy2HGi8ziY5TGvOYoIQhBHMHoirANN7AVBMc5UaIzj_lNVoa2diP13wHeDfpLjxtz1fGjJ3w"
        ),
        (
            what: "RS256: block type 2",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.iBh0kTRUui23KvEymAiGj4aunPOxsy08rymXYl8WtFOzZKJ6wkFiC0fgqISim_1prUPxlTw2pLcRY4LvnGPNTrrWR2kFWu8o5MFF94ubCiyd-DsLtXDdKjmMwjOBa09Kb67vOfIr38kBPvSOhCPgD8M3iRm3AXWsf1QO2VHsSgPYUdRZ-D_HCBJz-YQBEsrmnNzVS8sq1SmjtvjAKiUscdqyqCwcnLBBxWZiJvKj26b78D1VEmzgbXCVkX__U2rbYSNjeb5tFIX1nodl89Dd1S2OUtQMsNzRTvKZuANPtmrbd8YLvZ94U68tIvQyo6hQa8ah3WYcp8d2TBAHxEwrOQ"
        ),
        (
            what: "RS256: a digest without its prefix",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.AxGMpWOb8KBEwsjIH7dsmVaCy3cOtgZNE0INUEKt1WbG-LSZ-aEWOOTmB8B-Yiq2EQugbBsFP3FbM_Unc9Im49HBU2SoEBnX9aJlzfXGSJueY7yiObcryk0Is524TCc11yXRaW4z59_XINYw6t5-x6Ct7R5HDv5FuCX7ll_-Sv4u62eyOaUMts9nOQahxqtmRchYAet1RrtpTBVxIHtbCILTCLfAouXPVle4cUrlY9OMBNNjnl1X8Km4fKm8QZ4V9VbcmW0SvLjmVcFpocEkML0RroLEaCQs7WP97vBBFGBjOiaUq-EKNA8VM3AycsaKly6jcvy5BUPpA7Qr7JOLJg"
        ),
        (
            what: "RS256: the signature plus the modulus",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.AMzT09GTQ1w_xdmpl4wvlmVDHg7ZJReMnBbV2xYAU85evUg7MgmwLBGPgOk8-IF7z4_tqpD6uGmZ5VKGHwU2JgdbYOEt6e-b4t3aNnHABbjjNTrLLJUG6LqQhH_rdCBni28__q_07iu42l2rkGKd8Lk3v4QQMipWY7Wl9ZO9-4-iH7cy7ZPnHbohQpi8S4yWAQa3g8c9KEbjBOY-BaIsetumlGbgPcMYDy9NR8GNCxQbXZhma5lHMVk6FhE40OUbelgap0UDnfbBokRAnfxz8AKGqpCEhpGzUeuRgRysTR6f8AZI5a8nygt3q3EklT_FuXv-BlJvsPSCJXsSk5yxWwc"
        ),
        (
            what: "RS256: a leading zero byte left out",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwibiI6NTF9.Bjpr9soR0r1wJOrVKrz7hmxn7JOV8Z_vAqWL66mP-noNCzvlQLaS6sGWIFRV4sLyYZ8q01RZykJ5RAqtj67zladOGfuwmer_JvyG8vmkOVkqiMNLvXxYskjKarnd_smE18L-5BKzZk-N9YfVpZkiCKMZ-wX5VjP4ii9z_nSt8UuK91qVWhcwN-6b_W9RhvCN6GYPbZSG2ukeWKweVOdiegtN_DyJcOgn14TqNGK3e4XO_SCrHzjfTW2FJgbx-2b5-kcqr5oF3qhNJKrQa9ME6cIbkpc2YTIWPlXlLP2fP6VZBpxQj01YpcwRky_dUunqZy1BrBfSDtQR-ZmyAo0b"
        ),
        (
            what: "RS256: by another key",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.y1qNVRCcFIwIl8KRpO654OTC8lWwlozes7ti6s0tUyL6QQbF5UFyQ6lv-jECzdPJvXeIPrWDcO3vjfOhncX1BCots3WgNQATWQN7DaXj2m-g7lrHMNdBv6QwVbJAn-X6SmhYdYxYSMbhsTWsM2rRP5m_z-SiMu69lILJHNLWIHeBSAHGlC2kbHB3eqVAFaQD5zXTxkdhC1NvlCNSJj_t-Pv5f-QsNH8ETE2Whyqstv_rccWykTxxCc_5Wew3kgO6oDYlx-dl6GQ65K5jJ3Jeob9fCSDBT5D3YcvySwKr898kUjkFeXqxenIt8vO5-r9YgzzYq5Z2-VCtAIPUAV4BfA"
        ),
        (
            what: "RS256: by a key of 1024 bits",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.NNpweI2I5kWY6x5oEhtDWujwx0X_9HLg7XEEWDh5oExHG5-uJgGDO5q_EN04JWnfKPr29nEHfdK2HmcaJTA-IiGqGGGwZFakJPhnvACY4xkmXEpNpLSwbycVSqjdTNCqjn2y2vpZ16ySbsalmgiTmVRi6AvZGVkNKhrYT4uvHZQ"
        ),
        (
            what: "ES256: DER",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.MEQCIBmom9qMiVu0C79euFzUGZjX1mOowilPeOOEecy6KHeDAiA6EPqFfIQykJY21vYb0ahujhtwVjpvZp0LSuEkDZRBIg"
        ),
        (
            what: "ES384: DER",
            token:
                "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.MGQCMBmuvDNrsXcdhWnTgWb0VuRgKUwQTLPlHtLnOgC_bEet-ws8t75cdU6zEfEn1V_pwgIwP7OleTaVcKsL2qCrpojt2WPk16k3YPXMNq8GrPqNIzekhfmF59ICMULxAoKFyOak"
        ),
        (
            what: "ES256: by a key on P-384",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.YreSKgTAb2bNb0s2HI_NgjH___sq4s33LTOTmEnuCW1tjorq6Of0BBTqJancgKDL6Og8mo8vYxXwA3g3sw9FIUEO5xVmjMVMjG7XR0Vy8ReDbdxHWMvYMra7zpPw2fD0"
        ),
        (
            what: "ES256: by a key on secp256k1",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.mmBnfuGvpBbBu-nU4XsWgGIOQMgVO2pirRy7MGVTOztc4lW4H0-rkzIBkXulQ4bUJlh2ggk5DAcPcQD-JQWrOQ"
        ),
        (
            what: "ES384: by a key on P-256",
            token:
                "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.cxQFP1ByJ4rjjQy_5SfFyWvYlWtYhkMgXTdzN550ILlsV1sVVp2JhiJn2U8vRFLbaVBX7B6OwyCifxcMTZMgEw"
        ),
        (
            what: "ES384: by a key on P-521",
            token:
                "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.AU7uPp8cT7x0v1ICapNCOHDyz1TQEH3ULBTtj2ANsYydaHnlHgHv2Gnj67QIvsdADzKPvakz27L1rXWtBpImCFIAAPTqClKzxukqfz4TvyS8Z2DylwGiIZe3w9h5mxFdCMIyqcKj6DGoP95mf4SnXWJLONCfUt-fUGR1vTsPGMCwT31C"
        ),
        (
            what: "ES256: SHA-384",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.YBV4iTrwmfAOxRnGzQKeMdEBnLtf6fXqN5bPOXKzI7pnR1Q8QojWhb3C98aPgiV8PVrHBNWuuodt0koqhQTLSg"
        ),
        (
            what: "EdDSA: S plus the order of the group",
            token:
                "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.yJVVVmtLkr9xrl8UfZe1CBgIq1JevX58JbjXMv4992uKMozs0tmtsrhycOFeEvk88STVRLZ5uB2D0LnYHZ_kEg"
        ),
        (
            what: "EdDSA: by a key on Ed448",
            token:
                "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.W8C0AWrFVlh83_mp26h4tKvO80pqzQIhqEDPSATv1lxDxqIZH519mcl17OyoYhITMWTMhcEh1yaAqr-AXtXsxRkbi61aWABh29U0gHBaZntsmQ8ElmcR53w-uNN_zS0mPBWEGKeW32jGES1WpcyAJBgA"
        ),
        (
            what: "EdDSA: an ECDSA signature",
            token:
                "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.zox-bKDgSHz-Z71m9syCo-e1ssvUMdQJA2bOBSSQDh-yGSggkaYKapvKc3BOnMgNA1LCXnsrG1_TgqU-TLAr6g"
        ),
        (
            what: "ES256: an EdDSA signature",
            token:
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.qKr7D3IGgV_nojUEg4gqqVaFsgoUHzKxfYIlUCDGwbM1KN3BFOXx1cBkU8iPpDDO9dzZkiXskJp_3qwwffiTBg"
        ),
        (
            what: "RS256: an ECDSA signature",
            token:
                "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.Tjmvmex-4jzQwQR4jAiWTLPdowmxw1C866c95a_O-qquC7N2nmwPuCV0twh04K7R8FGrQXsybQO2_9mGExV4hA"
        ),
    ]
}
