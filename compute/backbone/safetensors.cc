#include "compute/backbone/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"

namespace nevus {
namespace {

using Json = nlohmann::json;

// The reference implementation's limit; VGG16's header has 3 KB.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

constexpr std::pair<const char*, uint64_t> kTypeBytes[] = {
    {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8},     {"I64", 8},
    {"U64", 8}, {"I32", 4}, {"U32", 4},  {"I16", 2},     {"U16", 2},
    {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};

struct Entry {
  std::string name, type;
  Shape shape;
  uint64_t begin, end;
};

uint64_t LittleEndian64(std::string_view bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

float Bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// IEEE 754 binary16 to binary32.
float FromHalf(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = half >> 10 & 31, fraction = half & 0x3ff;
  if (exponent == 31) return Bits(sign | 0x7f800000 | fraction << 13);
  if (exponent != 0)
    return Bits(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

// A non-negative integer, or -1.
int64_t WholeNumber(const Json& json) {
  if (!json.is_number_unsigned()) return -1;
  const uint64_t value = json.get<uint64_t>();
  return value <= INT64_MAX ? static_cast<int64_t>(value) : -1;
}

absl::StatusOr<Entry> ParseEntry(const std::string& name, const Json& json,
                                 uint64_t data_bytes) {
  const auto bad = [&name](const std::string& what) {
    return BadWeights(absl::StrCat("tensor ", Quoted(name), " ", what,
                                   ". Download or export the file again"));
  };
  if (!json.is_object() || !json.contains("dtype") ||
      !json["dtype"].is_string() || !json.contains("shape") ||
      !json["shape"].is_array() || !json.contains("data_offsets") ||
      !json["data_offsets"].is_array() || json["data_offsets"].size() != 2) {
    return bad("needs a dtype, a shape and two data_offsets in the header");
  }
  Entry entry{name, json["dtype"].get<std::string>(), {}, 0, 0};
  const auto type = std::find_if(
      std::begin(kTypeBytes), std::end(kTypeBytes),
      [&](const auto& known) { return entry.type == known.first; });
  if (type == std::end(kTypeBytes)) {
    return bad(absl::StrCat("has the unknown type ", Quoted(entry.type)));
  }
  uint64_t size = type->second;
  for (const Json& dimension : json["shape"]) {
    const int64_t length = WholeNumber(dimension);
    if (length < 0 || __builtin_mul_overflow(size, length, &size)) {
      return bad("has an impossible shape");
    }
    entry.shape.push_back(length);
  }
  const int64_t begin = WholeNumber(json["data_offsets"][0]);
  const int64_t end = WholeNumber(json["data_offsets"][1]);
  if (begin < 0 || end < begin || static_cast<uint64_t>(end) > data_bytes) {
    return bad(absl::StrCat(
        "has data_offsets outside the file's ", data_bytes,
        " bytes of data: the file is truncated or its header is wrong"));
  }
  entry.begin = begin;
  entry.end = end;
  if (entry.end - entry.begin != size) {
    return bad(absl::StrCat("has ", entry.end - entry.begin,
                            " bytes of data; its shape and type need ", size));
  }
  return entry;
}

// Tensors must lie end to end and fill the data, so that no byte has two
// meanings or none.
absl::Status CheckNoHoles(std::vector<Entry>& entries, uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      return BadWeights(absl::StrCat(
          "tensor ", Quoted(entry.name), " begins at byte ", entry.begin,
          " of the data; the one before it ends at ", at,
          ". Tensors may neither overlap nor leave holes: export it again"));
    }
    at = entry.end;
  }
  if (at != data_bytes) {
    return BadWeights(absl::StrCat(
        "the header describes ", at, " bytes of tensors but the file holds ",
        data_bytes, ". Download or export the file again"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> Convert(const Entry& entry, std::string_view data) {
  Tensor tensor{entry.shape, std::vector<float>(Count(entry.shape))};
  const char* bytes = data.data() + entry.begin;
  if (entry.type == "F32") {
    std::memcpy(tensor.values.data(), bytes, entry.end - entry.begin);
  } else if (entry.type == "F16" || entry.type == "BF16") {
    for (size_t i = 0; i < tensor.values.size(); ++i) {
      uint16_t raw;
      std::memcpy(&raw, bytes + 2 * i, sizeof(raw));
      tensor.values[i] =
          entry.type == "F16" ? FromHalf(raw) : Bits(uint32_t{raw} << 16);
    }
  } else {
    return BadWeights(absl::StrCat(
        "tensor ", entry.name, " has type ", entry.type,
        "; F32, F16 or BF16 is needed. Export the weights in one of them"));
  }
  return tensor;
}

}  // namespace

bool LooksLikeSafetensors(std::string_view bytes) {
  return bytes.size() > 8 && bytes[8] == '{';
}

absl::StatusOr<Tensors> ReadSafetensors(std::string_view bytes,
                                        const TensorShapes& wanted) {
  if (bytes.size() < 8) {
    return BadWeights(absl::StrCat(
        "the file has ", bytes.size(),
        " bytes; a .safetensors file has at least 8. Download it again"));
  }
  const uint64_t header_bytes = LittleEndian64(bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - 8) {
    return BadWeights(absl::StrCat(
        "the header's length is given as ", header_bytes,
        " bytes; the file has ", bytes.size(),
        ". It is truncated or no .safetensors file: download it again"));
  }
  const std::string_view header = bytes.substr(8, header_bytes);
  const std::string_view data = bytes.substr(8 + header_bytes);
  const Json json = Json::parse(header.begin(), header.end(), nullptr,
                                /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return BadWeights(
        "the header is not a JSON object; a .safetensors file begins with one. "
        "Download or export the file again");
  }
  std::vector<Entry> entries;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") continue;
    ASSIGN_OR_RETURN(Entry entry, ParseEntry(name, value, data.size()));
    entries.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(CheckNoHoles(entries, data.size()));
  Tensors tensors;
  for (const Entry& entry : entries) {
    const auto want = wanted.find(entry.name);
    if (want == wanted.end()) continue;
    RETURN_IF_ERROR(CheckShape(entry.name, entry.shape, want->second));
    ASSIGN_OR_RETURN(Tensor tensor, Convert(entry, data));
    RETURN_IF_ERROR(CheckFinite(entry.name, tensor));
    tensors.emplace(entry.name, std::move(tensor));
  }
  return tensors;
}

}  // namespace nevus
