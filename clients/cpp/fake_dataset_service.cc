#include "clients/cpp/fake_dataset_service.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"

namespace nevus {

FakeDatasetServer::FakeDatasetServer() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeDatasetServer::~FakeDatasetServer() { server_->Shutdown(); }

int FakeDatasetServer::examples() const {
  MutexLock lock(mutex_);
  return static_cast<int>(bytes_by_id_.size());
}

v1::ImportOutcome FakeDatasetServer::Settle(const v1::ExampleUpload& upload,
                                            const std::string& bytes) {
  v1::ImportOutcome outcome;
  outcome.set_id(upload.example().id());
  MutexLock lock(mutex_);
  const auto found = bytes_by_id_.find(outcome.id());
  if (bytes == "bad") {
    outcome.set_result(v1::ImportOutcome::REFUSED);
    outcome.set_reason("IMAGE_BAD");
  } else if (found == bytes_by_id_.end()) {
    bytes_by_id_[outcome.id()] = bytes;
    outcome.set_result(v1::ImportOutcome::TAKEN);
  } else if (found->second == bytes) {
    outcome.set_result(v1::ImportOutcome::ALREADY_THERE);
  } else {
    outcome.set_result(v1::ImportOutcome::REFUSED);
    outcome.set_reason("EXAMPLE_CONFLICT");
  }
  return outcome;
}

grpc::Status FakeDatasetServer::ImportExamples(
    grpc::ServerContext*,
    grpc::ServerReaderWriter<v1::ImportExamplesResponse,
                             v1::ImportExamplesRequest>* stream) {
  v1::ImportExamplesRequest request;
  if (!stream->Read(&request) || !request.has_header()) {
    return ToGrpc(absl::InvalidArgumentError("the header comes first"));
  }
  while (stream->Read(&request)) {
    const v1::ExampleUpload upload = request.example();
    std::string bytes;
    while (static_cast<int64_t>(bytes.size()) < upload.image_bytes() &&
           stream->Read(&request)) {
      bytes += request.chunk();
    }
    if (static_cast<int64_t>(bytes.size()) != upload.image_bytes() ||
        Sha256Hex(bytes) != upload.sha256()) {
      return ToGrpc(WithReason(
          absl::DataLossError("the bytes are not those announced"), "DAMAGED"));
    }
    v1::ImportExamplesResponse response;
    *response.add_outcomes() = Settle(upload, bytes);
    stream->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status FakeDatasetServer::GetDataset(grpc::ServerContext*,
                                           const v1::GetDatasetRequest* request,
                                           v1::Dataset*) {
  return ToGrpc(
      WithReason(absl::NotFoundError("there is no dataset " + request->name()),
                 "DATASET_UNKNOWN"));
}

}  // namespace nevus
