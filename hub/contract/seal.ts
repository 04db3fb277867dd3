// Sealing an identity to the clinic's public key (JWE, ECDH-ES+A256KW, A256GCM): the hub seals, only the clinic opens.
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, importJWK, type JWK } from 'jose'
import { Identity } from './record.ts'

const ALG = 'ECDH-ES+A256KW'

/** @param key the clinic's public P-256 JWK with its `kid` */
export async function seal(identity: Identity, key: JWK): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(Identity.parse(identity)))
  return new CompactEncrypt(bytes)
    .setProtectedHeader({ alg: ALG, enc: 'A256GCM', kid: key.kid ?? '' })
    .encrypt(await importJWK(key, ALG))
}

/** Opens with whichever of the clinic's private keys the seal names. @throws when none fits or the content is no identity */
export async function unseal(sealed: string, keys: readonly JWK[]): Promise<Identity> {
  const { kid } = decodeProtectedHeader(sealed)
  const key = keys.find((k) => k.kid === kid)
  if (!key) throw new Error(`no private key ${kid ?? '(none named)'} to open this identity`)
  const { plaintext } = await compactDecrypt(sealed, await importJWK(key, ALG))
  return Identity.parse(JSON.parse(new TextDecoder().decode(plaintext)))
}
