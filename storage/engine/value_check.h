// What every stored value must look like, by the kind its key is of. The table
// of docs/storage_format.md as a pure function: for `nevus admin verify`, which
// knows no noun.
#ifndef NEVUS_STORAGE_ENGINE_VALUE_CHECK_H_
#define NEVUS_STORAGE_ENGINE_VALUE_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace nevus {

// DATA_LOSS naming `key` if `value` is not what its kind of key says: named by
// its SHA-256, empty, or, for all other kinds, after its checksum.
absl::Status CheckValue(std::string_view key, std::string_view value);

// How far a verification is.
struct VerifyProgress {
  int64_t values = 0;  // read so far
  int64_t bytes = 0;   // theirs, without keys
  // What is damaged, by key or file, and how; "" if all is well since the last.
  std::string damage;
};

// Called after each value and for each damage; false ends the verification.
using VerifyVisitor = std::function<bool(const VerifyProgress&)>;

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_VALUE_CHECK_H_
