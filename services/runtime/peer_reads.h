// What services and workers read from others, gathered from its streams and
// checked to be what was asked for: examples and images (ingestion), features
// (extraction). `caller` as in peer_caller.h.
#ifndef NEVUS_SERVICES_RUNTIME_PEER_READS_H_
#define NEVUS_SERVICES_RUNTIME_PEER_READS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "protos/nevus/v1/feature.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"

namespace nevus {

// The rows of a dataset version, in order of id; of all splits if `splits` is
// empty. INVALID_ARGUMENT unless version > 0 (a draft may change while it is
// read); NOT_FOUND.
absl::StatusOr<std::vector<v1::Example>> ReadExamples(
    const Peers& peers, const std::string& dataset, int64_t version,
    const std::vector<v1::Split>& splits, PeerCaller caller);

// The stored bytes of images, in the order asked for. All are held in memory:
// ask for few. NOT_FOUND, DATA_LOSS.
absl::StatusOr<std::vector<std::string>> ReadImages(
    const Peers& peers, const std::vector<std::string>& digests,
    PeerCaller caller);

// Those of the images without a feature in the space, each once.
absl::StatusOr<std::vector<std::string>> FindMissingFeatures(
    const Peers& peers, const std::string& space,
    const std::vector<std::string>& digests, PeerCaller caller);

// Calls `visit` with the feature of each image as it is kept
// (base/packed_floats.h), `dimension` numbers, in the order asked for, until it
// returns an error. Holds few of them at a time. NOT_FOUND, naming the first
// image without one; DATA_LOSS; what `visit` returned.
absl::Status ReadPackedFeatures(
    const Peers& peers, const std::string& space, int dimension,
    const std::vector<std::string>& digests, PeerCaller caller,
    const std::function<absl::Status(std::string_view packed)>& visit);

// Features of images, row by row in the order asked for: digests.size() x
// dimension numbers. NOT_FOUND, naming the first image without one; DATA_LOSS.
absl::StatusOr<std::vector<float>> ReadFeatures(
    const Peers& peers, const std::string& space, int dimension,
    const std::vector<std::string>& digests, PeerCaller caller);

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_PEER_READS_H_
