// `nevus backbone fetch`: a public weight file, checked against its hash.
#ifndef NEVUS_CLIENTS_NEVUS_FETCH_H_
#define NEVUS_CLIENTS_NEVUS_FETCH_H_

#include <string>

#include "absl/status/status.h"
#include "clients/nevus/public_weights.h"

namespace nevus {

// Whether the file is what was published: DATA_LOSS (WEIGHTS_DIFFER) naming
// both hashes if not.
absl::Status CheckPublished(const PublicWeights& weights,
                            const std::string& path);

// Puts the file of `weights` at `path`, checked; one that is there already is
// checked only. `mirror` "" is the publisher's address. FAILED_PRECONDITION
// (DOWNLOAD_FAILED), saying what to fetch elsewhere and how to import it.
absl::Status FetchWeights(const PublicWeights& weights,
                          const std::string& mirror, const std::string& path,
                          bool show_progress);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_FETCH_H_
