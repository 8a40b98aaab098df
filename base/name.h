// Names that people type: "isic", "isic@1", "melanoma@production".
//
// A name is 1 to 63 of [a-z0-9_-], beginning with a letter or digit: safe in a
// file name, a storage key, a URL and a log line.
#ifndef NEVUS_BASE_NAME_H_
#define NEVUS_BASE_NAME_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nevus {

// INVALID_ARGUMENT, naming `what` ("dataset", "model") and the value, unless
// `name` is a name.
absl::Status CheckName(const std::string& what, const std::string& name);

// INVALID_ARGUMENT unless `id` can name an example: 1 to 200 bytes of valid
// UTF-8, no control character, no slash or backslash, not "." or "..".
absl::Status CheckExampleId(const std::string& id);

// "name@suffix", the suffix a version number or an alias.
struct VersionedName {
  std::string name;
  int64_t version = 0;  // 0 if the suffix is an alias
  std::string alias;    // "" if the suffix is a version
  std::string ToString() const;
};

// INVALID_ARGUMENT if `text` is no name, has no "@", or its suffix is neither a
// positive number nor a name. An alias never begins with a digit.
absl::StatusOr<VersionedName> ParseVersionedName(const std::string& what,
                                                 const std::string& text);

// As above, and INVALID_ARGUMENT for an alias: only "isic@1" will do.
absl::StatusOr<VersionedName> ParseVersion(const std::string& what,
                                           const std::string& text);

// `text` for a message: cut at 80 bytes, control characters shown as \xNN, in
// double quotes. A name from outside goes into no message or log without it.
std::string Quoted(const std::string& text);

}  // namespace nevus

#endif  // NEVUS_BASE_NAME_H_
