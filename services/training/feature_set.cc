#include "services/training/feature_set.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/packed_floats.h"
#include "base/status.h"
#include "services/runtime/peer_reads.h"
#include "services/training/split_check.h"

namespace nevus {
namespace {

// The images of rows, each once, in order of digest.
struct ImageOrder {
  std::vector<std::string> images;
  std::vector<int64_t> image_of_row;  // an index of `images`
};

ImageOrder OrderImages(const std::vector<v1::Example>& rows) {
  ImageOrder order;
  for (const v1::Example& row : rows) {
    order.images.push_back(row.image_digest());
  }
  std::sort(order.images.begin(), order.images.end());
  order.images.erase(std::unique(order.images.begin(), order.images.end()),
                     order.images.end());
  for (const v1::Example& row : rows) {
    order.image_of_row.push_back(std::lower_bound(order.images.begin(),
                                                  order.images.end(),
                                                  row.image_digest()) -
                                 order.images.begin());
  }
  return order;
}

}  // namespace

absl::StatusOr<FeatureSet> ReadFeatureSet(const Peers& peers,
                                          const v1::FeatureSpace& space,
                                          const std::vector<v1::Example>& rows,
                                          const std::string& positive,
                                          PeerCaller caller,
                                          int64_t most_bytes_in_memory) {
  FeatureSet result;
  TrainingSet& set = result.set;
  set.dimension = space.dimension();
  for (const v1::Example& row : rows) {
    set.labels.push_back(IsPositive(row, positive) ? 1 : 0);
    set.groups.push_back(row.group());
  }
  ImageOrder order = OrderImages(rows);
  const size_t dimension = space.dimension();
  const bool fits = sizeof(float) * rows.size() * dimension <=
                    static_cast<size_t>(most_bytes_in_memory);
  std::vector<std::vector<size_t>> rows_of_image;
  if (fits) {
    set.features.resize(rows.size() * dimension);
    rows_of_image.resize(order.images.size());
    for (size_t row = 0; row < rows.size(); ++row) {
      rows_of_image[order.image_of_row[row]].push_back(row);
    }
  } else {
    ASSIGN_OR_RETURN(result.spool, FeatureSpool::Create(space.dimension()));
    set.stored = result.spool.get();
  }
  size_t image = 0;
  RETURN_IF_ERROR(ReadPackedFeatures(
      peers, space.digest(), space.dimension(), order.images, caller,
      [&](std::string_view packed) -> absl::Status {
        if (!fits) return result.spool->Add(packed);
        for (const size_t row : rows_of_image[image]) {
          UnpackFloats(packed, dimension, &set.features[row * dimension]);
        }
        ++image;
        return absl::OkStatus();
      }));
  if (!fits) {
    RETURN_IF_ERROR(result.spool->Finish(std::move(order.image_of_row)));
  }
  return result;
}

}  // namespace nevus
