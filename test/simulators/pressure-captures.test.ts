// Cuffs, scales and oximeters: told what a captured frame says, the simulated device sends that frame, byte for byte.
import { z } from 'zod'
import * as bm55 from '../../simulators/devices/beurer-bm55.ts'
import * as bm96 from '../../simulators/devices/beurer-bm96.ts'
import { reproduces } from './captured.ts'

const Stored = z.object({
  systolic: z.number(),
  diastolic: z.number(),
  pulse: z.number(),
  user: z.number().default(1),
  deviceTime: z.string(),
})

reproduces('beurer-bm55', 3, (decoded) => {
  if (decoded.type === 'hello') return bm55.helloBytes
  const { deviceTime: at, ...rest } = Stored.parse(decoded)
  return bm55.encodeRecord({ ...rest, at, irregular: decoded.irregularHeartbeat === true, moved: false })
})

reproduces('beurer-bm96', 1, (decoded) => {
  const { deviceTime: at, ...rest } = Stored.parse(decoded)
  return bm96.encodeRecord(Number(decoded.index), { ...rest, at, flagByte: Number(decoded.flagByte) })
})
