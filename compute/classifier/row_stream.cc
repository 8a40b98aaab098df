#include "compute/classifier/row_stream.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/status.h"

namespace nevus {
namespace {

// Of ForEachBatch: some megabytes of the longest features.
constexpr size_t kBatchRows = 64;
// How many batches beyond the one that is read are announced.
constexpr size_t kBatchesExpected = 2;

}  // namespace

std::vector<int64_t> RowsInOrder(const TrainingSet& set) {
  std::vector<int64_t> rows(set.labels.size());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

RowStream::RowStream(const TrainingSet& set, std::vector<int64_t> order,
                     size_t batch_rows, Change change)
    : set_(set),
      order_(std::move(order)),
      batch_rows_(batch_rows),
      change_(std::move(change)) {
  ReadAhead();
}

RowStream::~RowStream() {
  if (filled_.valid()) filled_.wait();
}

size_t RowStream::CountFrom(size_t begin) const {
  return std::min(batch_rows_, order_.size() - std::min(begin, order_.size()));
}

absl::Status RowStream::Fill(size_t begin, std::vector<float>& buffer) const {
  const size_t count = CountFrom(begin);
  const size_t dimension = set_.dimension;
  buffer.resize(count * dimension);
  if (set_.stored != nullptr) {
    RETURN_IF_ERROR(set_.stored->Read(&order_[begin], count, buffer.data()));
  } else {
    for (size_t i = 0; i < count; ++i) {
      std::copy_n(&set_.features[order_[begin + i] * dimension], dimension,
                  &buffer[i * dimension]);
    }
  }
  if (change_) change_(buffer.data(), count);
  return absl::OkStatus();
}

void RowStream::ReadAhead() {
  const size_t begin = next_;
  if (set_.stored == nullptr || CountFrom(begin) == 0) return;
  const size_t later = begin + batch_rows_;
  if (const size_t count =
          std::min(kBatchesExpected * batch_rows_,
                   order_.size() - std::min(later, order_.size()));
      count > 0) {
    set_.stored->Expect(&order_[later], count);
  }
  filled_ = std::async(std::launch::async,
                       [this, begin] { return Fill(begin, ahead_); });
}

absl::StatusOr<RowStream::Batch> RowStream::Next() {
  Batch batch;
  batch.count = CountFrom(next_);
  if (batch.count == 0) return batch;
  batch.rows = &order_[next_];
  if (filled_.valid()) {
    RETURN_IF_ERROR(filled_.get());
    std::swap(now_, ahead_);
  } else {
    RETURN_IF_ERROR(Fill(next_, now_));
  }
  batch.values = now_.data();
  next_ += batch.count;
  ReadAhead();
  return batch;
}

absl::Status ForEachBatch(
    const TrainingSet& set,
    const std::function<absl::Status(const RowStream::Batch&)>& visit) {
  RowStream stream(set, RowsInOrder(set), kBatchRows, nullptr);
  while (true) {
    ASSIGN_OR_RETURN(const RowStream::Batch batch, stream.Next());
    if (batch.count == 0) return absl::OkStatus();
    RETURN_IF_ERROR(visit(batch));
  }
}

}  // namespace nevus
