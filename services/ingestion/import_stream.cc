#include "services/ingestion/import_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/rpc/channel.h"
#include "base/status.h"
#include "services/ingestion/example_check.h"

namespace nevus {
namespace {

// A batch is stored when it has this many outcomes or bytes.
constexpr int kBatchExamples = 64;
constexpr size_t kBatchBytes = 8 << 20;
// An id too long to be one is not sent back, so that answers stay small.
constexpr size_t kEchoedIdBytes = 200;

absl::Status OutOfOrder(const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), "IMPORT_OUT_OF_ORDER");
}

void Refuse(const absl::Status& why, v1::ImportOutcome& outcome) {
  const std::string reason = ReasonOf(why);
  outcome.set_result(v1::ImportOutcome::REFUSED);
  outcome.set_reason(reason.empty() ? absl::StatusCodeToString(why.code())
                                    : reason);
  outcome.set_message(std::string(why.message()));
}

}  // namespace

absl::StatusOr<v1::ImportExamplesResponse> ImportStream::Take(
    v1::ImportExamplesRequest request) {
  switch (request.payload_case()) {
    case v1::ImportExamplesRequest::kHeader:
      RETURN_IF_ERROR(TakeHeader(request.header()));
      return v1::ImportExamplesResponse();
    case v1::ImportExamplesRequest::kExample:
      return TakeExample(std::move(*request.mutable_example()));
    case v1::ImportExamplesRequest::kChunk:
      RETURN_IF_ERROR(TakeChunk(std::move(*request.mutable_chunk())));
      return v1::ImportExamplesResponse();
    case v1::ImportExamplesRequest::PAYLOAD_NOT_SET:
      break;
  }
  return OutOfOrder("a message is empty; send a header, an example or a chunk");
}

absl::StatusOr<v1::ImportExamplesResponse> ImportStream::Finish() {
  if (dataset_.empty()) {
    return OutOfOrder("the import ended before its header; send that first");
  }
  EndExample();
  return Flush();
}

absl::Status ImportStream::TakeHeader(const v1::ImportHeader& header) {
  if (!dataset_.empty()) {
    return OutOfOrder(
        "a second header came; an import goes to one dataset, so open another "
        "for the next");
  }
  RETURN_IF_ERROR(CheckName("dataset", header.dataset()));
  dataset_ = header.dataset();
  return absl::OkStatus();
}

absl::StatusOr<v1::ImportExamplesResponse> ImportStream::TakeExample(
    v1::ExampleUpload header) {
  if (dataset_.empty()) {
    return OutOfOrder("an example came before the header; send that first");
  }
  EndExample();
  // What nobody checks is not kept: a batch holds no more than it seems to.
  header.DiscardUnknownFields();
  header.mutable_example()->clear_image_digest();
  current_.emplace();
  current_->verdict = CheckUpload(header);
  current_->header = std::move(header);
  if (outcomes_.outcomes_size() < kBatchExamples &&
      batch_bytes_ < kBatchBytes) {
    return v1::ImportExamplesResponse();
  }
  return Flush();
}

absl::Status ImportStream::TakeChunk(std::string chunk) {
  if (!current_.has_value()) {
    return OutOfOrder("a chunk came before its example; send that first");
  }
  absl::Status& verdict = current_->verdict;
  if (!verdict.ok()) return absl::OkStatus();
  const int64_t declared = current_->header.image_bytes();
  std::string& bytes = current_->bytes;
  if (chunk.size() > kChunkBytes) {
    verdict =
        WithReason(absl::InvalidArgumentError(absl::StrCat(
                       "a chunk is ", chunk.size(), " bytes long; the most is ",
                       kChunkBytes, ". Cut the image into more chunks")),
                   "CHUNK_TOO_LARGE");
  } else if (static_cast<int64_t>(bytes.size() + chunk.size()) > declared) {
    verdict =
        WithReason(absl::InvalidArgumentError(absl::StrCat(
                       declared,
                       " bytes were declared and more came; send the file "
                       "again")),
                   "IMAGE_SIZE_MISMATCH");
  } else if (bytes.empty()) {
    bytes = std::move(chunk);
  } else {
    bytes += chunk;
  }
  if (!verdict.ok()) bytes = std::string();
  return absl::OkStatus();
}

void ImportStream::EndExample() {
  if (!current_.has_value()) return;
  Upload upload = *std::move(current_);
  current_.reset();
  v1::ImportOutcome& outcome = *outcomes_.add_outcomes();
  absl::StatusOr<std::string> image =
      upload.verdict.ok() ? CheckImage(upload.header, upload.bytes)
                          : upload.verdict;
  if (!image.ok()) {
    if (const std::string& id = upload.header.example().id();
        id.size() <= kEchoedIdBytes) {
      outcome.set_id(id);
    }
    Refuse(image.status(), outcome);
    return;
  }
  batch_bytes_ += image->size();
  batch_.push_back(
      {std::move(*upload.header.mutable_example()), *std::move(image)});
}

absl::StatusOr<v1::ImportExamplesResponse> ImportStream::Flush() {
  ASSIGN_OR_RETURN(
      std::vector<v1::ImportOutcome> added,
      store_.Add(dataset_, std::exchange(batch_, {}), clock_.Now()));
  batch_bytes_ = 0;
  auto next = added.begin();
  for (v1::ImportOutcome& outcome : *outcomes_.mutable_outcomes()) {
    if (outcome.result() == v1::ImportOutcome::RESULT_UNSPECIFIED) {
      outcome = std::move(*next++);
    }
  }
  return std::exchange(outcomes_, {});
}

}  // namespace nevus
