#include "services/extraction/shard.h"

#include <algorithm>

namespace nevus {

std::vector<std::vector<std::string>> CutIntoShards(
    const std::vector<std::string>& digests) {
  const size_t n = digests.size();
  const size_t by_size = (n + kMaxShardImages - 1) / kMaxShardImages;
  const size_t by_sharing = std::min(kWantedShards, n / kMinShardImages);
  const size_t count = n == 0 ? 0 : std::max({by_size, by_sharing, size_t{1}});
  std::vector<std::vector<std::string>> shards;
  for (size_t i = 0; i < count; ++i) {
    shards.emplace_back(digests.begin() + n * i / count,
                        digests.begin() + n * (i + 1) / count);
  }
  return shards;
}

}  // namespace nevus
