import { readFileSync } from 'node:fs'
import t from 'tap'
import { cipherOrder, detectFirstCipher, firstCipher } from '../../../core/network/ciphers.ts'

/** Shortened, but for the lines that count. */
const PROCESSORS = {
  'Raspberry Pi 3': [
    'chacha20',
    `processor	: 0
BogoMIPS	: 38.40
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU part	: 0xd03

Model		: Raspberry Pi 3 Model B Plus Rev 1.3
`,
  ],
  'Raspberry Pi 4': [
    'chacha20',
    `processor	: 0
BogoMIPS	: 108.00
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU part	: 0xd08

Model		: Raspberry Pi 4 Model B Rev 1.4
`,
  ],
  'Raspberry Pi 5': [
    'aes',
    `processor	: 0
BogoMIPS	: 108.00
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU part	: 0xd0b

Model		: Raspberry Pi 5 Model B Rev 1.0
`,
  ],
  'x86 with AES': [
    'aes',
    `processor	: 0
vendor_id	: GenuineIntel
model name	: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
flags		: fpu vme de pse msr sse sse2 pclmulqdq ssse3 sse4_1 sse4_2 movbe popcnt aes xsave avx
`,
  ],
  'x86 without AES': [
    'chacha20',
    `processor	: 0
vendor_id	: GenuineIntel
model name	: Intel(R) Atom(TM) CPU N270 @ 1.60GHz
flags		: fpu vme de pse msr sse sse2 ss ht tm pbe nx constant_tsc aperfmperf pni dtes64 ssse3
`,
  ],
  // Its name must not count, nor other words that contain it.
  'one that has aes elsewhere': [
    'chacha20',
    `model name	: aes aes aes
flags		: fpu vaes avx512_aesx
bugs		: aes
`,
  ],
  'none of these': ['chacha20', ''],
} as const

for (const [name, [expected, cpuinfo]] of Object.entries(PROCESSORS)) {
  t.test(`the cipher that goes first is what the processor does faster: ${name}`, async t => {
    t.equal(firstCipher(cpuinfo), expected)
  })
}

t.test('this machine is asked', async t => {
  t.equal(detectFirstCipher(), firstCipher(readFileSync('/proc/cpuinfo', 'utf8')))
})

t.test('only a board without AES instructions insists on its order', async t => {
  t.match(cipherOrder('chacha20'), { ciphers: /^TLS_CHACHA20/, honorCipherOrder: true })
  t.match(cipherOrder('aes'), { ciphers: /^TLS_AES_128/, honorCipherOrder: false })
})
