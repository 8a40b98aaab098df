// How the images of an extraction are cut into tasks. Pure.
#ifndef NEVUS_SERVICES_EXTRACTION_SHARD_H_
#define NEVUS_SERVICES_EXTRACTION_SHARD_H_

#include <string>
#include <vector>

namespace nevus {

// The most images in a task, by the contract (job.proto, ExtractTask): what a
// lost worker costs is at most their computation.
constexpr size_t kMaxShardImages = 256;
// The least, unless there are fewer: a task costs some calls and, with a new
// backbone, its loading.
constexpr size_t kMinShardImages = 16;
// Cut into at least this many while that leaves kMinShardImages in each, so
// that several workers share also a small extraction.
constexpr size_t kWantedShards = 8;

// Cuts `digests` in order into shards whose sizes differ by at most one. The
// same digests give the same shards.
std::vector<std::vector<std::string>> CutIntoShards(
    const std::vector<std::string>& digests);

}  // namespace nevus

#endif  // NEVUS_SERVICES_EXTRACTION_SHARD_H_
