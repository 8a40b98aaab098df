// The rows of a training set in some order, a batch at a time: from memory as
// they lie there, from anywhere else read ahead while the last batch is worked
// on. What comes out does not depend on which.
//
// feature -> [training] -> model. Knows no tensor.
#ifndef NEVUS_COMPUTE_CLASSIFIER_ROW_STREAM_H_
#define NEVUS_COMPUTE_CLASSIFIER_ROW_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/classifier/train.h"

namespace nevus {

// 0, 1, ... for all rows of `set`.
std::vector<int64_t> RowsInOrder(const TrainingSet& set);

// For one thread; it has a helper of its own while rows are read ahead.
class RowStream {
 public:
  struct Batch {
    const int64_t* rows = nullptr;  // their numbers
    const float* values = nullptr;  // count x dimension
    size_t count = 0;               // 0 at the end
  };
  // What is done to the `count` x dimension values of each batch once they are
  // read, in a helper thread or not. May be empty.
  using Change = std::function<void(float* values, size_t count)>;

  // `set` must outlive this.
  RowStream(const TrainingSet& set, std::vector<int64_t> order,
            size_t batch_rows, Change change);
  ~RowStream();

  // The next batch, which lives until the next call. Errors: those of
  // FeatureRows::Read.
  absl::StatusOr<Batch> Next();

 private:
  size_t CountFrom(size_t begin) const;
  absl::Status Fill(size_t begin, std::vector<float>& buffer) const;
  void ReadAhead();

  const TrainingSet& set_;
  const std::vector<int64_t> order_;
  const size_t batch_rows_;
  const Change change_;
  size_t next_ = 0;  // in order_: where the batch after this one begins
  std::vector<float> now_, ahead_;
  std::future<absl::Status> filled_;  // ahead_, with the batch at next_
};

// Calls `visit` for all rows of `set` in order, in batches.
absl::Status ForEachBatch(
    const TrainingSet& set,
    const std::function<absl::Status(const RowStream::Batch&)>& visit);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_ROW_STREAM_H_
