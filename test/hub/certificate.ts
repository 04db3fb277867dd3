// A certificate with an end, such as an operator's own authority or an older clinic has made.
import 'reflect-metadata' // what the library below is built on expects it first
import { X509CertificateGenerator } from '@peculiar/x509'

/** PEM, good from one day to another. */
export async function lasting(from: string, until: string): Promise<string> {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=a test authority',
    notBefore: new Date(from),
    notAfter: new Date(until),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    keys,
  })
  return certificate.toString('pem')
}
