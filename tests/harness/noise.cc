#include "tests/harness/noise.h"

#include <cstdint>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "compute/image/encode_png.h"
#include "compute/image/pixels.h"

namespace nevus {

absl::Status WriteNoise(const std::string& folder, int count, int side) {
  std::mt19937 random(7);
  for (int i = 0; i < count; ++i) {
    Pixels pixels{side, side, std::vector<uint8_t>(3 * side * side)};
    for (uint8_t& byte : pixels.rgb) byte = static_cast<uint8_t>(random());
    ASSIGN_OR_RETURN(const std::string png, EncodePng(pixels));
    RETURN_IF_ERROR(WriteFile(absl::StrCat(folder, "/", i, ".png"), png));
  }
  return absl::OkStatus();
}

}  // namespace nevus
