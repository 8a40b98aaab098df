#include "storage/engine/value_check.h"

#include "base/digest.h"
#include "storage/engine/record.h"

namespace nevus {
namespace {

enum class ValueKind {
  kChecksum,  // records, texts, features, weights: 8 bytes checksum first
  kNamed,     // bytes whose SHA-256 is the rest of the key
  kEmpty,
};

// The kinds that differ from most. A new kind of key with a checksum needs no
// line here.
constexpr struct {
  std::string_view prefix;
  ValueKind kind;
} kKinds[] = {
    {"image!", ValueKind::kNamed},         {"kept!", ValueKind::kEmpty},
    {"logged!", ValueKind::kEmpty},        {"logged_image!", ValueKind::kEmpty},
    {"logged_model!", ValueKind::kEmpty},  {"present!", ValueKind::kEmpty},
    {"recorded!", ValueKind::kEmpty},      {"reference!", ValueKind::kEmpty},
    {"request_order!", ValueKind::kEmpty}, {"restored", ValueKind::kEmpty},
};

ValueKind KindOf(std::string_view key) {
  for (const auto& entry : kKinds) {
    if (key.substr(0, entry.prefix.size()) == entry.prefix) return entry.kind;
  }
  return ValueKind::kChecksum;
}

}  // namespace

absl::Status CheckValue(std::string_view key, std::string_view value) {
  switch (KindOf(key)) {
    case ValueKind::kNamed:
      if (Sha256Hex(value) == KeyTail(key, 1)) return absl::OkStatus();
      return DamagedValue(key, "does not have the digest that names it");
    case ValueKind::kEmpty:
      if (value.empty()) return absl::OkStatus();
      return DamagedValue(key, "should be empty");
    case ValueKind::kChecksum:
      break;
  }
  return CheckedBytes(key, value).status();
}

}  // namespace nevus
