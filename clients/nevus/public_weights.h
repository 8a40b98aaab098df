// Where the public weight files of the built-in networks lie, and how to tell
// that one is what its publisher published. A table; nothing is fetched here.
#ifndef NEVUS_CLIENTS_NEVUS_PUBLIC_WEIGHTS_H_
#define NEVUS_CLIENTS_NEVUS_PUBLIC_WEIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace nevus {

struct PublicWeights {
  const char* arch;
  const char* family;  // "torchvision" or "keras": whose weights they are
  const char* file;    // what to call it
  const char* url;
  // Exactly one. Keras publishes MD5 alone: it finds a damaged file, but not
  // one that somebody made to have the same sum.
  const char* sha256;
  const char* md5;
  int megabytes;
};

const std::vector<PublicWeights>& AllPublicWeights();

// INVALID_ARGUMENT (WEIGHTS_NOT_PUBLISHED) if the family has none; `family` ""
// is the first that has.
absl::StatusOr<PublicWeights> FindPublicWeights(const std::string& arch,
                                                const std::string& family);

// "SHA-256 57b0..." or "MD5 6d6b...".
std::string HashText(const PublicWeights& weights);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_PUBLIC_WEIGHTS_H_
