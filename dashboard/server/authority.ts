// The private certificate authority of one clinic (X.509, RFC 5280): it vouches for the broker and for hubs that sign in by certificate.
import 'reflect-metadata' // what the library below is built on expects it first
import { createPrivateKey, KeyObject, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** Both in PEM. */
export interface Certified {
  certificate: string
  key: string
}

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
/** A kiosk stands for years with nobody near who could renew anything: what ends a hub's right is `keys revoke`. */
const LASTS_DAYS = { authority: 20 * 365, issued: 10 * 365 }
/** Machines whose clocks are not quite set must not find it "not yet valid". */
const BEFORE_MS = DAY_MS

const newKeys = () => crypto.subtle.generateKey(KEY, true, ['sign', 'verify'])
const pemOf = (key: CryptoKey) => KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString()
/** A positive number of 127 bits (RFC 5280, 4.1.2.2). */
const serialNumber = () => {
  const bytes = randomBytes(16)
  bytes[0]! &= 0x7f
  return bytes.toString('hex')
}
const lasting = (days: number, nowMs: number) => ({
  notBefore: new Date(nowMs - BEFORE_MS),
  notAfter: new Date(nowMs + days * DAY_MS),
})

export async function makeAuthority(nowMs: number): Promise<Certified> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // Random, for the authorities of two clinics must not be taken for each other.
    name: [{ CN: [`health kiosks ${randomBytes(4).toString('hex')}`] }],
    ...lasting(LASTS_DAYS.authority, nowMs),
    signingAlgorithm: SIGNATURE,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: pemOf(keys.privateKey) }
}

/**
 * @param holder a server with all names and addresses it is reached by, or a client with the user name that its certificate is
 */
export async function certify(
  authority: Certified,
  holder: { server: readonly [string, ...string[]] } | { client: string },
  nowMs: number,
): Promise<Certified> {
  const issuer = new X509Certificate(authority.certificate)
  const signer = createPrivateKey(authority.key).export({ type: 'pkcs8', format: 'der' })
  const keys = await newKeys()
  const server = 'server' in holder
  const names = server ? holder.server.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const) : []
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subject,
    subject: [{ CN: [server ? holder.server[0] : holder.client] }],
    ...lasting(LASTS_DAYS.issued, nowMs),
    signingAlgorithm: SIGNATURE,
    signingKey: await crypto.subtle.importKey('pkcs8', signer, KEY, false, ['sign']),
    publicKey: keys.publicKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([server ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth]),
      ...(server ? [new SubjectAlternativeNameExtension(names)] : []),
    ],
  })
  return { certificate: certificate.toString('pem'), key: pemOf(keys.privateKey) }
}
