// The registry as its callers see it: over a channel, with its store on disk.
#include "services/registry/registry_service.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/digest.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/testing/call.h"

namespace nevus {
namespace {

using absl::StatusCode;

class RegistryServiceTest : public testing::Test {
 protected:
  RegistryServiceTest() { Start(); }

  void Start() {
    if (server_ != nullptr) server_->Shutdown();
    server_.reset();
    service_.reset();
    ServiceContext context;
    context.data_dir = dir_.path();
    context.clock = &clock_;
    service_ = NewRegistryService(context).value();
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    for (grpc::Service* service : service_->grpc_services()) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    const auto channel = server_->InProcessChannel(ChannelArguments());
    backbones_ = v1::BackboneService::NewStub(channel);
    models_ = v1::ModelService::NewStub(channel);
  }

  // Uploads `upload`, and `file` after it in chunks of `chunk_bytes`.
  absl::StatusOr<v1::Backbone> Import(const v1::BackboneUpload& upload,
                                      const std::string& file = "",
                                      size_t chunk_bytes = 1000) {
    grpc::ClientContext context;
    v1::Backbone backbone;
    const auto writer = backbones_->ImportBackbone(&context, &backbone);
    v1::ImportBackboneRequest request;
    *request.mutable_upload() = upload;
    writer->Write(request);
    for (size_t at = 0; at < file.size(); at += chunk_bytes) {
      request.set_chunk(file.substr(at, chunk_bytes));
      if (!writer->Write(request)) break;
    }
    writer->WritesDone();
    RETURN_IF_ERROR(FromGrpc(writer->Finish()));
    return backbone;
  }

  static v1::BackboneUpload FromSeed(const std::string& name, uint64_t seed) {
    v1::BackboneUpload upload;
    upload.set_name(name);
    upload.set_arch("vgg16");
    upload.set_input_size(32);
    upload.set_random_seed(seed);
    return upload;
  }

  static v1::BackboneUpload FromFile(const std::string& name,
                                     const std::string& file) {
    v1::BackboneUpload upload;
    upload.set_name(name);
    upload.set_arch("vgg16");
    upload.mutable_file()->set_bytes(file.size());
    upload.mutable_file()->set_sha256(Sha256Hex(file));
    return upload;
  }

  absl::StatusOr<v1::Backbone> GetBackbone(const std::string& name) {
    v1::GetBackboneRequest request;
    request.set_name(name);
    return Call(*backbones_, &v1::BackboneService::Stub::GetBackbone, request);
  }

  // A model whose numbers agree, over two-number features.
  static v1::RegisterModelRequest TinyModel(
      const std::string& backbone_digest) {
    v1::RegisterModelRequest request;
    v1::Model& model = *request.mutable_model();
    model.set_name("melanoma");
    model.set_positive("melanoma");
    model.mutable_space()->set_digest(Sha256Hex("space"));
    model.mutable_space()->set_backbone_digest(backbone_digest);
    model.mutable_space()->set_dimension(2);
    v1::Head& head = *model.mutable_head();
    head.set_inputs(2);
    for (float value : {0.f, 1.f}) {
      head.add_mean(value);
      head.add_inverse_std(1);
      head.add_w2(value);
    }
    v1::OperatingPoint& point = *model.add_operating_points();
    point.set_name("youden");
    point.set_threshold(0.5);
    return request;
  }

  absl::StatusOr<v1::Model> Register(const v1::RegisterModelRequest& request) {
    return Call(*models_, &v1::ModelService::Stub::RegisterModel, request);
  }

  absl::StatusOr<v1::Model> GetModel(int64_t version,
                                     const std::string& alias) {
    v1::GetModelRequest request;
    request.set_name("melanoma");
    request.set_version(version);
    request.set_alias(alias);
    return Call(*models_, &v1::ModelService::Stub::GetModel, request);
  }

  TempDir dir_;
  FakeClock clock_{absl::FromUnixSeconds(1'000'000)};
  std::unique_ptr<HostedService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::BackboneService::Stub> backbones_;
  std::unique_ptr<v1::ModelService::Stub> models_;
};

TEST_F(RegistryServiceTest, ABackboneFromASeedIsDescribedAndKept) {
  const auto imported = Import(FromSeed("vgg16", 7));
  ASSERT_THAT(imported, IsOk());
  // torchvision's vgg16().features has this many parameters.
  EXPECT_EQ(imported->parameters(), 14'714'688);
  EXPECT_EQ(imported->default_cut(), "block5_pool");
  EXPECT_EQ(imported->normalization(), "torchvision");
  Start();
  EXPECT_EQ(GetBackbone("vgg16")->digest(), imported->digest());
  EXPECT_EQ(GetBackbone(imported->digest())->name(), "vgg16");
}

TEST_F(RegistryServiceTest, ImportingAgainIsNoSecondBackbone) {
  const auto first = Import(FromSeed("vgg16", 7));
  clock_.Advance(absl::Hours(1));
  const auto again = Import(FromSeed("vgg16", 7));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->create_time().seconds(), first->create_time().seconds());
  EXPECT_THAT(Import(FromSeed("vgg16", 8)),
              StatusIs(StatusCode::kAlreadyExists, "vgg16"));
}

TEST_F(RegistryServiceTest, UploadsThatAreNotWhatTheySayAreRefused) {
  const std::string file(5000, 'x');
  v1::BackboneUpload damaged = FromFile("b", file);
  damaged.mutable_file()->set_sha256(Sha256Hex("other"));
  EXPECT_EQ(ReasonOf(Import(damaged, file).status()), "SHA256_MISMATCH");
  v1::BackboneUpload shorter = FromFile("b", file);
  shorter.mutable_file()->set_bytes(4999);
  EXPECT_EQ(ReasonOf(Import(shorter, file).status()), "WEIGHTS_LENGTH");
  v1::BackboneUpload longer = FromFile("b", file);
  longer.mutable_file()->set_bytes(5001);
  EXPECT_EQ(ReasonOf(Import(longer, file).status()), "WEIGHTS_LENGTH");
  v1::BackboneUpload huge = FromFile("b", file);
  huge.mutable_file()->set_bytes(int64_t{1} << 40);
  EXPECT_EQ(ReasonOf(Import(huge, file).status()), "WEIGHTS_TOO_LARGE");
  EXPECT_EQ(
      ReasonOf(Import(FromFile("b", file), file, kChunkBytes + 1).status()),
      "WEIGHTS_INVALID");  // one chunk, and no weight file
  v1::BackboneUpload neither;
  neither.set_name("b");
  EXPECT_EQ(ReasonOf(Import(neither).status()), "WEIGHTS_MISSING");
  EXPECT_THAT(Import(FromSeed("Bad Name", 1)),
              StatusIs(StatusCode::kInvalidArgument, "backbone name"));
  v1::BackboneUpload arch = FromSeed("b", 1);
  arch.set_arch("alexnet");
  EXPECT_THAT(Import(arch), StatusIs(StatusCode::kInvalidArgument, "alexnet"));
  EXPECT_THAT(GetBackbone("b"), StatusIs(StatusCode::kNotFound, "b"));
}

TEST_F(RegistryServiceTest, BackbonesAreListedInPages) {
  for (const char* name : {"b", "a", "c"}) {
    ASSERT_THAT(Import(FromSeed(name, name[0])), IsOk());
  }
  v1::ListBackbonesRequest request;
  request.set_page_size(2);
  const auto first =
      Call(*backbones_, &v1::BackboneService::Stub::ListBackbones, request);
  ASSERT_THAT(first, IsOk());
  ASSERT_EQ(first->backbones_size(), 2);
  EXPECT_EQ(first->backbones(1).name(), "b");
  request.set_page_token(first->next_page_token());
  const auto second =
      Call(*backbones_, &v1::BackboneService::Stub::ListBackbones, request);
  ASSERT_THAT(second, IsOk());
  ASSERT_EQ(second->backbones_size(), 1);
  EXPECT_EQ(second->next_page_token(), "");
  request.set_page_token("zz");
  EXPECT_THAT(
      Call(*backbones_, &v1::BackboneService::Stub::ListBackbones, request),
      StatusIs(StatusCode::kInvalidArgument, "page token"));
}

TEST_F(RegistryServiceTest, ABackboneInUseCannotBeDeleted) {
  const auto used = Import(FromSeed("used", 1));
  ASSERT_THAT(Import(FromSeed("free", 2)), IsOk());
  ASSERT_THAT(Register(TinyModel(used->digest())), IsOk());
  v1::DeleteBackboneRequest request;
  request.set_name("used");
  EXPECT_EQ(ReasonOf(Call(*backbones_,
                          &v1::BackboneService::Stub::DeleteBackbone, request)
                         .status()),
            "BACKBONE_IN_USE");
  request.set_name("free");
  EXPECT_THAT(
      Call(*backbones_, &v1::BackboneService::Stub::DeleteBackbone, request),
      IsOk());
  EXPECT_THAT(GetBackbone("free"), StatusIs(StatusCode::kNotFound, "free"));
}

TEST_F(RegistryServiceTest, ModelsCountVersionsAndAliasesMove) {
  const v1::RegisterModelRequest model = TinyModel(Sha256Hex("b"));
  EXPECT_EQ(Register(model)->version(), 1);
  EXPECT_EQ(Register(model)->version(), 2);
  v1::PromoteModelRequest promote;
  promote.set_model("melanoma");
  promote.set_alias("production");
  for (int64_t version : {1, 2}) {
    promote.set_version(version);
    EXPECT_EQ(Call(*models_, &v1::ModelService::Stub::PromoteModel, promote)
                  ->version(),
              version);
  }
  Start();
  EXPECT_EQ(GetModel(0, "production")->version(), 2);
  promote.set_etag("stale");
  EXPECT_THAT(Call(*models_, &v1::ModelService::Stub::PromoteModel, promote),
              StatusIs(StatusCode::kAborted, ""));
  promote.set_etag("");
  promote.set_alias("1st");
  EXPECT_THAT(Call(*models_, &v1::ModelService::Stub::PromoteModel, promote),
              StatusIs(StatusCode::kInvalidArgument, "digit"));
  v1::RollbackAliasRequest rollback;
  rollback.set_model("melanoma");
  rollback.set_alias("production");
  EXPECT_EQ(Call(*models_, &v1::ModelService::Stub::RollbackAlias, rollback)
                ->version(),
            1);
  EXPECT_EQ(GetModel(0, "production")->version(), 1);
  EXPECT_EQ(
      ReasonOf(Call(*models_, &v1::ModelService::Stub::RollbackAlias, rollback)
                   .status()),
      "NO_HISTORY");
  EXPECT_EQ(ReasonOf(GetModel(1, "production").status()), "VERSION_INVALID");
  EXPECT_THAT(GetModel(9, ""), StatusIs(StatusCode::kNotFound, "melanoma"));
}

TEST_F(RegistryServiceTest, ARepeatedRollbackRollsBackOnce) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(Register(TinyModel(Sha256Hex("b"))), IsOk());
  }
  v1::PromoteModelRequest promote;
  promote.set_model("melanoma");
  promote.set_alias("production");
  for (int64_t version : {1, 2, 3}) {
    promote.set_version(version);
    promote.set_request_id("promote " + std::to_string(version));
    ASSERT_THAT(Call(*models_, &v1::ModelService::Stub::PromoteModel, promote),
                IsOk());
  }
  v1::RollbackAliasRequest rollback;
  rollback.set_model("melanoma");
  rollback.set_alias("production");
  rollback.set_request_id("back");
  const auto first =
      Call(*models_, &v1::ModelService::Stub::RollbackAlias, rollback);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->version(), 2);
  clock_.Advance(absl::Hours(1));
  for (const bool restart : {false, true}) {
    SCOPED_TRACE(restart);
    if (restart) Start();
    const auto again =
        Call(*models_, &v1::ModelService::Stub::RollbackAlias, rollback);
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
    EXPECT_EQ(GetModel(0, "production")->version(), 2);
    // A late repetition of an old promotion moves nothing, and says so as then.
    EXPECT_EQ(Call(*models_, &v1::ModelService::Stub::PromoteModel, promote)
                  ->version(),
              3);
    EXPECT_EQ(GetModel(0, "production")->version(), 2);
  }
  rollback.set_request_id("back again");
  EXPECT_EQ(Call(*models_, &v1::ModelService::Stub::RollbackAlias, rollback)
                ->version(),
            1);
}

TEST_F(RegistryServiceTest, ARequestIdIsForOneRequestOfOneMethod) {
  ASSERT_THAT(Register(TinyModel(Sha256Hex("b"))), IsOk());
  v1::PromoteModelRequest promote;
  promote.set_model("melanoma");
  promote.set_version(1);
  promote.set_alias("production");
  promote.set_request_id("id");
  ASSERT_THAT(Call(*models_, &v1::ModelService::Stub::PromoteModel, promote),
              IsOk());
  promote.set_alias("candidate");
  const absl::Status body =
      Call(*models_, &v1::ModelService::Stub::PromoteModel, promote).status();
  EXPECT_THAT(body, StatusIs(StatusCode::kAlreadyExists, "choose a new id"));
  EXPECT_EQ(ReasonOf(body), "REQUEST_ID_REUSED");
  EXPECT_EQ(ReasonOf(GetModel(0, "candidate").status()), "ALIAS_NOT_FOUND");
  // Backbones and models share a store, and so their ids.
  v1::BackboneUpload upload = FromSeed("b", 1);
  upload.set_request_id("id");
  const absl::Status method = Import(upload).status();
  EXPECT_THAT(method, StatusIs(StatusCode::kAlreadyExists,
                               "for PromoteModel, not for ImportBackbone"));
  EXPECT_EQ(ReasonOf(method), "REQUEST_ID_REUSED");
  upload.set_request_id(std::string(65, 'x'));
  EXPECT_EQ(ReasonOf(Import(upload).status()), "REQUEST_ID_TOO_LONG");
  promote.set_request_id(std::string(65, 'x'));
  const absl::Status longer =
      Call(*models_, &v1::ModelService::Stub::PromoteModel, promote).status();
  EXPECT_EQ(longer.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(longer), "REQUEST_ID_TOO_LONG");
  EXPECT_THAT(GetBackbone("b"), StatusIs(StatusCode::kNotFound, "b"));
}

TEST_F(RegistryServiceTest, ABackboneIsImportedAndDeletedOnceUnderAnId) {
  v1::BackboneUpload upload = FromSeed("b", 1);
  upload.set_request_id("import");
  v1::DeleteBackboneRequest remove;
  remove.set_name("b");
  remove.set_request_id("delete");
  const auto first = Import(upload);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(
      Call(*backbones_, &v1::BackboneService::Stub::DeleteBackbone, remove),
      IsOk());
  for (const bool restart : {false, true}) {
    SCOPED_TRACE(restart);
    if (restart) Start();
    EXPECT_THAT(
        Call(*backbones_, &v1::BackboneService::Stub::DeleteBackbone, remove),
        IsOk())
        << "it is gone, and the caller's deletion did it";
    const auto again = Import(upload);
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
    EXPECT_THAT(GetBackbone("b"), StatusIs(StatusCode::kNotFound, "b"))
        << "a late repetition brings nothing back";
  }
}

TEST_F(RegistryServiceTest, AModelWithoutALeaseIsRegisteredOnceUnderAnId) {
  v1::RegisterModelRequest request = TinyModel(Sha256Hex("b"));
  request.set_request_id("import");
  const auto first = Register(request);
  ASSERT_THAT(first, IsOk());
  Start();
  const auto again = Register(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString())
      << "with its head";
  EXPECT_THAT(GetModel(2, ""), StatusIs(StatusCode::kNotFound, "version 2"));
  request.mutable_model()->set_positive("nevus");
  EXPECT_EQ(ReasonOf(Register(request).status()), "REQUEST_ID_REUSED");
}

TEST_F(RegistryServiceTest, ModelsWhoseNumbersDisagreeAreRefused) {
  const std::string digest = Sha256Hex("b");
  v1::RegisterModelRequest wide = TinyModel(digest);
  wide.mutable_model()->mutable_space()->set_dimension(3);
  EXPECT_EQ(ReasonOf(Register(wide).status()), "MODEL_INVALID");
  v1::RegisterModelRequest torn = TinyModel(digest);
  torn.mutable_model()->mutable_head()->add_w2(1);
  EXPECT_EQ(ReasonOf(Register(torn).status()), "BAD_HEAD");
  v1::RegisterModelRequest undecided = TinyModel(digest);
  undecided.mutable_model()->clear_operating_points();
  EXPECT_EQ(ReasonOf(Register(undecided).status()), "MODEL_INVALID");
}

TEST_F(RegistryServiceTest, ATaskRegistersOnceAndAStaleWorkerNever) {
  v1::RegisterModelRequest request = TinyModel(Sha256Hex("b"));
  request.mutable_lease()->set_job("j-0123456789ab");
  request.mutable_lease()->set_fencing_token(2);
  EXPECT_EQ(Register(request)->version(), 1);
  EXPECT_EQ(Register(request)->version(), 1);
  request.mutable_lease()->set_fencing_token(1);
  EXPECT_THAT(Register(request), StatusIs(StatusCode::kAborted, ""));
}

TEST_F(RegistryServiceTest, ACheckpointIsKeptUntilItsJobsModelIsRegistered) {
  v1::WriteCheckpointRequest write;
  write.mutable_lease()->set_job("j-0123456789ab");
  write.mutable_lease()->set_fencing_token(2);
  const auto write_it = [&] {
    return Call(*models_, &v1::ModelService::Stub::WriteCheckpoint, write)
        .status();
  };
  v1::ReadCheckpointRequest read;
  read.set_job("j-0123456789ab");
  const auto read_it = [&] {
    return Call(*models_, &v1::ModelService::Stub::ReadCheckpoint, read);
  };
  EXPECT_EQ(ReasonOf(write_it()), "CHECKPOINT_EMPTY");
  EXPECT_EQ(ReasonOf(read_it().status()), "CHECKPOINT_NOT_FOUND");
  // The largest, and one byte too many: 5 bytes say what the others are.
  const size_t most = (size_t{48} << 20) - 5;
  write.mutable_checkpoint()->set_training(std::string(most + 1, 'c'));
  EXPECT_EQ(ReasonOf(write_it()), "CHECKPOINT_TOO_LARGE");
  write.mutable_checkpoint()->set_training(std::string(most, 'c'));
  EXPECT_THAT(write_it(), IsOk());
  Start();
  EXPECT_EQ(read_it()->training(), write.checkpoint().training());

  write.mutable_checkpoint()->set_training("late");
  write.mutable_lease()->set_fencing_token(1);
  EXPECT_THAT(write_it(), StatusIs(StatusCode::kAborted, "stale"));
  v1::RegisterModelRequest model = TinyModel(Sha256Hex("b"));
  *model.mutable_lease() = write.lease();
  model.mutable_lease()->set_fencing_token(2);
  ASSERT_THAT(Register(model), IsOk());
  EXPECT_THAT(read_it(), StatusIs(StatusCode::kNotFound, "no checkpoint"));
}

TEST_F(RegistryServiceTest, AReportComesBackWhole) {
  ASSERT_THAT(Register(TinyModel(Sha256Hex("b"))), IsOk());
  v1::RecordEvaluationRequest record;
  v1::Evaluation& evaluation = *record.mutable_evaluation();
  evaluation.set_model("melanoma");
  evaluation.set_model_version(1);
  evaluation.set_dataset("isic");
  evaluation.set_dataset_version(1);
  evaluation.set_split("validation");
  evaluation.set_auc(0.75);
  // More than one chunk.
  record.set_report_html(std::string(3 * kChunkBytes / 2, 'h'));
  record.mutable_lease()->set_job("j-0123456789ab");
  record.mutable_lease()->set_fencing_token(1);
  ASSERT_THAT(Call(*models_, &v1::ModelService::Stub::RecordEvaluation, record),
              IsOk());
  v1::GetEvaluationRequest get;
  get.set_model("melanoma");
  get.set_model_version(1);
  get.set_dataset("isic");
  get.set_dataset_version(1);
  get.set_split("validation");
  EXPECT_EQ(Call(*models_, &v1::ModelService::Stub::GetEvaluation, get)->auc(),
            0.75);
  grpc::ClientContext context;
  const auto reader = models_->ReadEvaluationReport(&context, get);
  std::string report;
  v1::ReadEvaluationReportResponse response;
  while (reader->Read(&response)) report += response.chunk();
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(report, record.report_html());
  get.set_split("test");
  EXPECT_THAT(Call(*models_, &v1::ModelService::Stub::GetEvaluation, get),
              StatusIs(StatusCode::kNotFound, ""));
}

}  // namespace
}  // namespace nevus
