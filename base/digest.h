// SHA-256 (FIPS 180-4) through OpenSSL: the name of everything immutable.
#ifndef NEVUS_BASE_DIGEST_H_
#define NEVUS_BASE_DIGEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace nevus {

// 64 lower-case hex digits.
std::string Sha256Hex(std::string_view bytes);

// RFC 1321, 32 lower-case hex digits. For files whose publisher gives nothing
// better: it finds damage, but not malice.
std::string Md5Hex(std::string_view bytes);

// True for 64 lower-case hex digits.
bool IsSha256Hex(std::string_view text);

// Hashes a stream. Thread-compatible.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // Appends `bytes` with its length before it, so that ("ab","c") and
  // ("a","bc") differ. For digests over several fields.
  void UpdateField(std::string_view bytes);
  // Ends the stream. REQUIRES: called once, last.
  std::string Hex();

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// The first 8 bytes of SHA-256 as a number: a checksum for values that pass
// through memory and a seed that depends on a name.
uint64_t Checksum64(std::string_view bytes);

// `count` random bytes as hex, from the system's generator. For ids.
std::string RandomHex(size_t count);

}  // namespace nevus

#endif  // NEVUS_BASE_DIGEST_H_
