#include "services/registry/backbone_service.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/name.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "compute/backbone/backbone.h"
#include "compute/image/preprocess.h"
#include "services/runtime/page.h"

namespace nevus {
namespace {

absl::Status Refuse(const std::string& reason, const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), reason);
}

absl::Status CheckUpload(const v1::BackboneUpload& upload) {
  RETURN_IF_ERROR(CheckName("backbone", upload.name()));
  if (upload.weights_case() == v1::BackboneUpload::WEIGHTS_NOT_SET) {
    return Refuse("WEIGHTS_MISSING",
                  "the upload says neither a file nor a seed for the weights");
  }
  if (!upload.has_file()) return absl::OkStatus();
  if (upload.file().bytes() < 1 || upload.file().bytes() > kMaxWeightsBytes) {
    return Refuse("WEIGHTS_TOO_LARGE",
                  absl::StrCat("the weight file has ", upload.file().bytes(),
                               " bytes; it must have 1 to ", kMaxWeightsBytes));
  }
  if (!IsSha256Hex(upload.file().sha256())) {
    return Refuse("SHA256_INVALID",
                  "the weight file's sha256 is not 64 lower-case hex digits");
  }
  return absl::OkStatus();
}

// The file that follows `file`'s announcement: grows with what really comes,
// not with what was announced.
absl::StatusOr<std::string> ReadFile(
    const v1::WeightsFile& file,
    grpc::ServerReader<v1::ImportBackboneRequest>& reader) {
  std::string weights;
  Sha256 hash;
  v1::ImportBackboneRequest request;
  while (reader.Read(&request)) {
    if (!request.has_chunk() || request.chunk().size() > kChunkBytes) {
      return Refuse("STREAM_OUT_OF_ORDER",
                    absl::StrCat("after the upload's first message come chunks "
                                 "of the file, each at most ",
                                 kChunkBytes, " bytes"));
    }
    if (weights.size() + request.chunk().size() >
        static_cast<size_t>(file.bytes())) {
      return Refuse("WEIGHTS_LENGTH",
                    absl::StrCat("more bytes came than the ", file.bytes(),
                                 " that were announced"));
    }
    hash.Update(request.chunk());
    weights += request.chunk();
  }
  if (weights.size() != static_cast<size_t>(file.bytes())) {
    return Refuse("WEIGHTS_LENGTH",
                  absl::StrCat(weights.size(), " bytes came of the ",
                               file.bytes(), " announced; upload it again"));
  }
  if (const std::string sha256 = hash.Hex(); sha256 != file.sha256()) {
    return Refuse("SHA256_MISMATCH",
                  absl::StrCat("the bytes that came have SHA-256 ", sha256,
                               ", announced was ", file.sha256(),
                               ": they were damaged on the way; upload again"));
  }
  return weights;
}

v1::Backbone Describe(const v1::BackboneUpload& upload,
                      const BackboneInfo& info) {
  v1::Backbone backbone;
  backbone.set_name(upload.name());
  backbone.set_digest(info.digest);
  backbone.set_arch(info.arch);
  backbone.set_input_size(info.input_size);
  backbone.set_normalization(NormalizationName(info.normalization));
  backbone.set_weights_kind(info.weights_kind);
  backbone.set_random_seed(upload.random_seed());
  for (const Cut& cut : info.cuts) {
    v1::Cut* proto = backbone.add_cuts();
    proto->set_name(cut.name);
    proto->set_channels(cut.channels);
    proto->set_height(cut.height);
    proto->set_width(cut.width);
  }
  backbone.set_default_cut(info.default_cut);
  backbone.set_missing_tensor(info.missing_tensor);
  backbone.set_parameters(info.parameters);
  backbone.set_gmac(info.gmac);
  if (upload.has_file()) {
    backbone.set_weights_bytes(upload.file().bytes());
    backbone.set_weights_sha256(upload.file().sha256());
  }
  return backbone;
}

absl::StatusOr<v1::Backbone> Import(
    grpc::ServerContext& context,
    grpc::ServerReader<v1::ImportBackboneRequest>& reader,
    BackboneStore& backbones, RequestLog& requests, absl::Time now) {
  v1::ImportBackboneRequest request;
  if (!reader.Read(&request) || !request.has_upload()) {
    return Refuse("STREAM_OUT_OF_ORDER",
                  "the first message must say what is uploaded");
  }
  const v1::BackboneUpload upload = request.upload();
  RETURN_IF_ERROR(CheckUpload(upload));
  // Before the file comes, which need not come again. Its turn is taken after
  // it, so that a client that hangs keeps no other waiting.
  const RepeatableRequest call = RequestOf("ImportBackbone", upload);
  ASSIGN_OR_RETURN(std::optional<v1::Backbone> before,
                   requests.Find<v1::Backbone>(call));
  if (before.has_value()) return *std::move(before);

  BackboneSource source;
  source.arch = upload.arch();
  source.input_size = upload.input_size();
  if (!upload.normalization().empty()) {
    ASSIGN_OR_RETURN(source.normalization,
                     ParseNormalization(upload.normalization()));
  }
  std::string weights;
  if (upload.has_file()) {
    ASSIGN_OR_RETURN(weights, ReadFile(upload.file(), reader));
    source.weights = weights;
  } else {
    source.random_seed = upload.random_seed();
  }
  if (context.IsCancelled()) {
    return absl::CancelledError("the upload was cancelled");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Backbone> loaded,
                   Backbone::Load(source));
  return requests.Once<v1::Backbone>(
      call, [&](const RequestEntry& entry) -> absl::StatusOr<v1::Backbone> {
        ASSIGN_OR_RETURN(v1::Backbone backbone,
                         backbones.Put(Describe(upload, loaded->info()),
                                       weights, now, entry));
        Log("backbone.imported")
            .With("backbone", backbone.name())
            .With("arch", backbone.arch())
            .With("digest", backbone.digest())
            .With("weights", backbone.weights_kind())
            .With("normalization", backbone.normalization());
        return backbone;
      });
}

}  // namespace

grpc::Status BackboneServiceImpl::ImportBackbone(
    grpc::ServerContext* context,
    grpc::ServerReader<v1::ImportBackboneRequest>* reader,
    v1::Backbone* response) {
  auto backbone =
      Import(*context, *reader, backbones_, requests_, clock_.Now());
  if (!backbone.ok()) return ToGrpc(backbone.status());
  *response = *std::move(backbone);
  return grpc::Status::OK;
}

grpc::Status BackboneServiceImpl::GetBackbone(
    grpc::ServerContext*, const v1::GetBackboneRequest* request,
    v1::Backbone* response) {
  auto backbone = backbones_.Get(request->name());
  if (!backbone.ok()) return ToGrpc(backbone.status());
  *response = *std::move(backbone);
  return grpc::Status::OK;
}

grpc::Status BackboneServiceImpl::ListBackbones(
    grpc::ServerContext*, const v1::ListBackbonesRequest* request,
    v1::ListBackbonesResponse* response) {
  const auto start_after = StartAfter(request->page_token());
  if (!start_after.ok()) return ToGrpc(start_after.status());
  const int size = PageSize(request->page_size());
  auto page = backbones_.List(*start_after, size + 1);
  if (!page.ok()) return ToGrpc(page.status());
  const bool more = page->size() > static_cast<size_t>(size);
  if (more) page->pop_back();
  if (more) response->set_next_page_token(PageToken(page->back().name()));
  for (v1::Backbone& backbone : *page) {
    *response->add_backbones() = std::move(backbone);
  }
  return grpc::Status::OK;
}

grpc::Status BackboneServiceImpl::ReadBackboneWeights(
    grpc::ServerContext*, const v1::ReadBackboneWeightsRequest* request,
    grpc::ServerWriter<v1::ReadBackboneWeightsResponse>* writer) {
  const absl::Status status =
      backbones_.ReadWeights(request->name(), [&](std::string_view piece) {
        for (size_t at = 0; at < piece.size(); at += kChunkBytes) {
          v1::ReadBackboneWeightsResponse response;
          response.set_chunk(std::string(piece.substr(at, kChunkBytes)));
          // The reader has gone: nobody hears what follows.
          if (!writer->Write(response)) return false;
        }
        return true;
      });
  return ToGrpc(status);
}

grpc::Status BackboneServiceImpl::DeleteBackbone(
    grpc::ServerContext*, const v1::DeleteBackboneRequest* request,
    v1::DeleteBackboneResponse*) {
  return ToGrpc(requests_
                    .Once<v1::DeleteBackboneResponse>(
                        RequestOf("DeleteBackbone", *request),
                        [&](const RequestEntry& entry) {
                          return Delete(request->name(), entry);
                        })
                    .status());
}

absl::StatusOr<v1::DeleteBackboneResponse> BackboneServiceImpl::Delete(
    const std::string& name, const RequestEntry& entry) {
  ASSIGN_OR_RETURN(const v1::Backbone backbone, backbones_.Get(name));
  ASSIGN_OR_RETURN(const bool used, models_.UsesBackbone(backbone.digest()));
  if (used) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "backbone ", backbone.name(),
            " cannot be deleted: a model reads its features and could not be "
            "served without it; nevus model list shows which")),
        "BACKBONE_IN_USE", {{"backbone", backbone.name()}});
  }
  RETURN_IF_ERROR(backbones_.Delete(backbone.name(), entry));
  Log("backbone.deleted").With("backbone", backbone.name());
  return v1::DeleteBackboneResponse();
}

}  // namespace nevus
