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
/**
 * A kiosk without a battery clock starts in 1970, or years ahead, and learns the time over the very line that these certificates
 * secure. So their dates end nothing (RFC 5280, 4.1.2.5, has this end for it): what ends a right is `keys revoke`.
 */
const ALWAYS = { notBefore: new Date(0), notAfter: new Date('9999-12-31T23:59:59Z') }

const newKeys = () => crypto.subtle.generateKey(KEY, true, ['sign', 'verify'])
const pemOf = (key: CryptoKey) => KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString()
/** A positive number of 127 bits (RFC 5280, 4.1.2.2). */
const serialNumber = () => {
  const bytes = randomBytes(16)
  bytes[0]! &= 0x7f
  return bytes.toString('hex')
}

export async function makeAuthority(): Promise<Certified> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // Random, for the authorities of two clinics must not be taken for each other.
    name: [{ CN: [`health kiosks ${randomBytes(4).toString('hex')}`] }],
    ...ALWAYS,
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
    ...ALWAYS,
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
