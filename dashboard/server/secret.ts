// A hub's password: 192 random bits, kept only as the hash that Mosquitto's password file holds, so that one serves either broker.
import { pbkdf2, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { verify } from '@node-rs/argon2'

/** As mosquitto_passwd 2.0 makes them. So few rounds are enough: nobody guesses 192 random bits. */
const ROUNDS = 101
const SALT_BYTES = 12
const HASH_BYTES = 64
const DIGEST = 'sha512'
const FORM = /^\$7\$(\d+)\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/

export const newSecret = () => randomBytes(24).toString('base64url')

/** @returns `$7$rounds$salt$hash`: PBKDF2 with HMAC-SHA-512, as Mosquitto 2.0 reads it */
export function hashSecret(secret: string, salt = randomBytes(SALT_BYTES)): string {
  const hash = pbkdf2Sync(secret, salt, ROUNDS, HASH_BYTES, DIGEST)
  return `$7$${ROUNDS}$${salt.toString('base64')}$${hash.toString('base64')}`
}

/** Whether Mosquitto can check this one: not those of hubs enrolled before 0.2, which are argon2. */
export const isMosquittos = (hash: string) => FORM.test(hash)

export async function fits(hash: string, secret: Uint8Array): Promise<boolean> {
  const [, rounds, salt, expected] = FORM.exec(hash) ?? []
  if (!rounds || !salt || !expected) return hash.startsWith('$argon2') && verify(hash, secret)
  const wanted = Buffer.from(expected, 'base64')
  const found = await promisify(pbkdf2)(secret, Buffer.from(salt, 'base64'), Number(rounds), wanted.length, DIGEST)
  return timingSafeEqual(found, wanted)
}
