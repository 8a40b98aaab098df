// A PNG file as a sequence of chunks (PNG specification, section 5), without
// decoding. Copies nothing.
#ifndef NEVUS_COMPUTE_IMAGE_PNG_CHUNKS_H_
#define NEVUS_COMPUTE_IMAGE_PNG_CHUNKS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace nevus {

inline constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

struct PngChunk {
  std::string_view type;   // four bytes
  std::string_view data;   // without length, type and checksum
  std::string_view whole;  // with them
  bool ChecksumHolds() const;
};

// Thread-compatible. `bytes` must outlive it and what it returns.
class PngChunks {
 public:
  // REQUIRES: `bytes` begins with kPngSignature.
  explicit PngChunks(std::string_view bytes)
      : bytes_(bytes), at_(kPngSignature.size()) {}

  // The next chunk; IMAGE_TRUNCATED if it is not there whole. Its checksum is
  // not looked at. Do not call again after IEND.
  absl::StatusOr<PngChunk> Next();

 private:
  const std::string_view bytes_;
  size_t at_;
};

// The four bytes at the start of `bytes` as a big-endian number.
// REQUIRES: there are four.
uint32_t PngNumber(std::string_view bytes);

// A whole chunk: length, type, data, checksum.
std::string MakePngChunk(std::string_view type, std::string_view data);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_PNG_CHUNKS_H_
