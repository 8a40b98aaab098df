// A head's answers for a whole set, split from train.cc, which LibTorch makes
// slow to compile.
#include "base/status.h"
#include "compute/classifier/row_stream.h"
#include "compute/classifier/train.h"

namespace nevus {

absl::StatusOr<std::vector<float>> LogitsOf(const Head& head,
                                            const TrainingSet& set) {
  std::vector<float> logits(set.labels.size());
  size_t done = 0;
  RETURN_IF_ERROR(ForEachBatch(set, [&](const RowStream::Batch& batch) {
    Logits(head, batch.values, batch.count, logits.data() + done);
    done += batch.count;
    return absl::OkStatus();
  }));
  return logits;
}

}  // namespace nevus
