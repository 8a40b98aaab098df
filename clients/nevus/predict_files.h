// Predictions for many files, several requests in flight, taken in order.
#ifndef NEVUS_CLIENTS_NEVUS_PREDICT_FILES_H_
#define NEVUS_CLIENTS_NEVUS_PREDICT_FILES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cpp/client.h"
#include "protos/nevus/v1/prediction.pb.h"

namespace nevus {

// A heat map's file ends so; folders are searched for photographs without them.
inline constexpr char kHeatMapEnding[] = ".heatmap.png";

// Files as they are; of a folder, those that are images by extension.
// NOT_FOUND (NO_IMAGES) if there is none.
absl::StatusOr<std::vector<std::string>> FindImageFiles(
    const std::vector<std::string>& arguments);

// Asks about each of `paths` with `request`, `in_flight` at a time, and gives
// the answers to `take` in the order of the files, in the calling thread. An
// error that it returns ends the asking, and so does a server that cannot be
// reached: every other file would only wait as long.
absl::Status PredictFiles(
    Client& client, const v1::PredictRequest& request,
    const std::vector<std::string>& paths, int64_t in_flight,
    const std::function<
        absl::Status(size_t, absl::StatusOr<v1::PredictResponse>)>& take);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_PREDICT_FILES_H_
