#include "clients/cpp/upload.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <thread>  // NOLINT: reads answers while we send
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/mutex.h"
#include "base/name.h"
#include "base/rpc/channel.h"
#include "base/status.h"
#include "clients/cpp/files.h"

namespace nevus {
namespace {

constexpr int64_t kMaxImageBytes = 64 << 20;

using ImportStream = grpc::ClientReaderWriter<v1::ImportExamplesRequest,
                                              v1::ImportExamplesResponse>;

v1::ImportOutcome Refusal(const std::string& id, const absl::Status& status) {
  v1::ImportOutcome outcome;
  outcome.set_id(id);
  outcome.set_result(v1::ImportOutcome::REFUSED);
  outcome.set_reason(ReasonOf(status));
  outcome.set_message(std::string(status.message()));
  return outcome;
}

// Pairs each example with its answer, in order. Thread-safe: one thread adds
// what is sent, another what is answered.
class Ledger {
 public:
  Ledger(int64_t all, const ImportProgress& progress)
      : all_(all), progress_(progress) {}

  void Sent(const std::string& id) {
    MutexLock lock(mutex_);
    sent_.push_back(id);
  }

  void RefusedHere(const std::string& id, const absl::Status& status) {
    MutexLock lock(mutex_);
    summary_.refused.push_back(Refusal(id, status));
  }

  absl::Status Answered(const v1::ImportExamplesResponse& response) {
    int64_t settled = 0;
    {
      MutexLock lock(mutex_);
      for (const v1::ImportOutcome& outcome : response.outcomes()) {
        if (answered_ >= sent_.size() || sent_[answered_] != outcome.id()) {
          return WithReason(
              absl::InternalError(absl::StrCat(
                  "the server answered ", Quoted(outcome.id()),
                  answered_ < sent_.size()
                      ? absl::StrCat(" where ", Quoted(sent_[answered_]),
                                     " was next")
                      : " which was not sent",
                  "; run the import again, which sends nothing twice")),
              "ANSWER_OUT_OF_ORDER");
        }
        ++answered_;
        switch (outcome.result()) {
          case v1::ImportOutcome::TAKEN:
            ++summary_.taken;
            break;
          case v1::ImportOutcome::ALREADY_THERE:
            ++summary_.already_there;
            break;
          default:
            summary_.refused.push_back(outcome);
        }
      }
      settled = summary_.taken + summary_.already_there +
                static_cast<int64_t>(summary_.refused.size());
    }
    if (progress_) progress_(settled, all_);
    return absl::OkStatus();
  }

  // The summary, once every example that was sent has its answer.
  absl::StatusOr<ImportSummary> Close() {
    MutexLock lock(mutex_);
    if (answered_ < sent_.size()) {
      return WithReason(
          absl::InternalError(absl::StrCat(
              "the server answered ", answered_, " of ", sent_.size(),
              " examples; run the import again, which sends nothing twice")),
          "ANSWERS_MISSING");
    }
    return std::move(summary_);
  }

 private:
  const int64_t all_;
  const ImportProgress& progress_;
  mutable Mutex mutex_;
  std::vector<std::string> sent_ ABSL_GUARDED_BY(mutex_);
  size_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  ImportSummary summary_ ABSL_GUARDED_BY(mutex_);
};

// Calls `write` with `bytes` in pieces of kChunkBytes; false once it fails.
template <typename Write>
bool WriteChunks(const std::string& bytes, const Write& write) {
  for (size_t at = 0; at < bytes.size(); at += kChunkBytes) {
    if (!write(bytes.substr(at, kChunkBytes))) return false;
  }
  return true;
}

// False if the stream broke.
bool SendExample(ImportStream& stream, const v1::Example& example,
                 const std::string& bytes) {
  v1::ImportExamplesRequest request;
  v1::ExampleUpload* upload = request.mutable_example();
  *upload->mutable_example() = example;
  upload->set_image_bytes(static_cast<int64_t>(bytes.size()));
  upload->set_sha256(Sha256Hex(bytes));
  if (!stream.Write(request)) return false;
  return WriteChunks(bytes, [&](std::string piece) {
    v1::ImportExamplesRequest chunk;
    chunk.set_chunk(std::move(piece));
    return stream.Write(chunk);
  });
}

void SendAll(ImportStream& stream, const std::string& dataset,
             const std::vector<ExampleFile>& files, Ledger& ledger) {
  v1::ImportExamplesRequest header;
  header.mutable_header()->set_dataset(dataset);
  if (!stream.Write(header)) return;
  for (const ExampleFile& file : files) {
    const absl::StatusOr<std::string> bytes =
        ReadFile(file.path, kMaxImageBytes);
    if (!bytes.ok()) {
      ledger.RefusedHere(file.example.id(), bytes.status());
      continue;
    }
    ledger.Sent(file.example.id());
    if (!SendExample(stream, file.example, *bytes)) return;
  }
  stream.WritesDone();
}

}  // namespace

absl::StatusOr<ImportSummary> ImportExamples(
    Client& client, const std::string& dataset,
    const std::vector<ExampleFile>& files, const ImportProgress& progress) {
  using Stub = v1::DatasetService::Stub;
  ASSIGN_OR_RETURN(Stub * stub, client.Connected<Stub>());
  grpc::ClientContext context;
  const std::unique_ptr<ImportStream> stream = stub->ImportExamples(&context);
  Ledger ledger(static_cast<int64_t>(files.size()), progress);

  // Answers are read while we send: the server may wait for us to take them.
  absl::Status answers;
  std::thread reader([&] {
    v1::ImportExamplesResponse response;
    while (stream->Read(&response)) {
      if (answers = ledger.Answered(response); !answers.ok()) {
        context.TryCancel();
        return;
      }
    }
  });
  SendAll(*stream, dataset, files, ledger);
  reader.join();
  const grpc::Status ended = stream->Finish();
  RETURN_IF_ERROR(answers);
  RETURN_IF_ERROR(client.EndOfStream<Stub>(ended));
  return ledger.Close();
}

absl::StatusOr<v1::Backbone> ImportBackbone(
    Client& client, v1::BackboneUpload upload, const std::string& weights_path,
    const std::function<void(int64_t, int64_t)>& progress) {
  using Stub = v1::BackboneService::Stub;
  const bool has_file =
      upload.weights_case() != v1::BackboneUpload::kRandomSeed;
  if (has_file) {
    // Twice through the file, a chunk at a time: weights can be 1 GiB.
    Sha256 digest;
    int64_t bytes = 0;
    RETURN_IF_ERROR(ReadFileInChunks(weights_path, [&](std::string chunk) {
      digest.Update(chunk);
      bytes += static_cast<int64_t>(chunk.size());
      return absl::OkStatus();
    }));
    upload.mutable_file()->set_bytes(bytes);
    upload.mutable_file()->set_sha256(digest.Hex());
  }

  ASSIGN_OR_RETURN(Stub * stub, client.Connected<Stub>());
  grpc::ClientContext context;
  v1::Backbone backbone;
  const auto stream = stub->ImportBackbone(&context, &backbone);
  v1::ImportBackboneRequest request;
  *request.mutable_upload() = upload;
  bool open = stream->Write(request);
  absl::Status read;
  if (has_file) {
    int64_t sent = 0;
    read = ReadFileInChunks(weights_path, [&](std::string chunk) {
      if (!open) return absl::OkStatus();  // the end of the stream says why
      v1::ImportBackboneRequest next;
      sent += static_cast<int64_t>(chunk.size());
      next.set_chunk(std::move(chunk));
      open = stream->Write(next);
      if (progress) progress(sent, upload.file().bytes());
      return absl::OkStatus();
    });
    if (!read.ok()) context.TryCancel();
  }
  stream->WritesDone();
  const grpc::Status ended = stream->Finish();
  RETURN_IF_ERROR(read);
  RETURN_IF_ERROR(client.EndOfStream<Stub>(ended));
  return backbone;
}

}  // namespace nevus
