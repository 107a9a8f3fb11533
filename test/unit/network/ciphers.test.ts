import t from 'tap'
import { cipherOrder, firstCipher } from '../../../core/network/ciphers.ts'

t.test('the cipher that goes first is what the processor does faster', async t => {
  const pi4 = 'processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 cpuid\nModel\t: Raspberry Pi 4 Model B\n'
  const pi5 = 'processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32\n'
  const pc = 'processor\t: 0\nflags\t\t: fpu vme sse4_2 aes xsave avx\n'
  t.equal(firstCipher(pi4), 'chacha20')
  t.equal(firstCipher(pi5), 'aes')
  t.equal(firstCipher(pc), 'aes')
  t.equal(firstCipher('flags : fpu vaes_not aesx\n'), 'chacha20', 'whole words count')
})

t.test('only a board without AES instructions insists on its order', async t => {
  t.match(cipherOrder('chacha20'), { ciphers: /^TLS_CHACHA20/, honorCipherOrder: true })
  t.match(cipherOrder('aes'), { ciphers: /^TLS_AES_128/, honorCipherOrder: false })
})
