// One import, message by message: the way of an image into a dataset. Checks
// each example, adds them to the store in batches that share a sync, and says
// what became of each. Knows no gRPC.
#ifndef NEVUS_SERVICES_INGESTION_IMPORT_STREAM_H_
#define NEVUS_SERVICES_INGESTION_IMPORT_STREAM_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "storage/dataset/dataset_store.h"

namespace nevus {

// Holds at most one image that is coming (64 MiB), its pixels while they are
// checked, and one batch (8 MiB and an image), whatever is sent.
// Thread-compatible.
class ImportStream {
 public:
  // Both outlive this.
  ImportStream(DatasetStore& store, const Clock& clock)
      : store_(store), clock_(clock) {}

  // Takes the next message; returns the outcomes that it made final, all of
  // them stored and synced, mostly none. INVALID_ARGUMENT: bad dataset name
  // (NAME_INVALID), messages out of order (IMPORT_OUT_OF_ORDER); what was not
  // answered is then not stored.
  absl::StatusOr<v1::ImportExamplesResponse> Take(
      v1::ImportExamplesRequest request);

  // The stream has ended; returns the last outcomes. Errors as above.
  absl::StatusOr<v1::ImportExamplesResponse> Finish();

 private:
  // An example whose bytes are coming.
  struct Upload {
    v1::ExampleUpload header;
    std::string bytes;
    // Why it will be refused, as far as is known. Its chunks are then dropped.
    absl::Status verdict;
  };

  absl::Status TakeHeader(const v1::ImportHeader& header);
  absl::StatusOr<v1::ImportExamplesResponse> TakeExample(
      v1::ExampleUpload header);
  absl::Status TakeChunk(std::string chunk);
  // Puts the current example, if any, into the batch or refuses it.
  void EndExample();
  // Stores the batch and returns its outcomes.
  absl::StatusOr<v1::ImportExamplesResponse> Flush();

  DatasetStore& store_;
  const Clock& clock_;
  std::string dataset_;
  std::optional<Upload> current_;
  // Those of the batch, in order of upload; without a result where the store
  // still has to say.
  v1::ImportExamplesResponse outcomes_;
  std::vector<NewExample> batch_;
  size_t batch_bytes_ = 0;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_INGESTION_IMPORT_STREAM_H_
