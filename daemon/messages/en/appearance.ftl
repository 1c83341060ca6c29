# What a visible signature says (Decree 30/2020/NĐ-CP, Annex I).

appearance-signer = Signed by: { $value }
appearance-organization = Organisation: { $value }
appearance-reason = Reason: { $value }
appearance-time = Signed at: { $value }
