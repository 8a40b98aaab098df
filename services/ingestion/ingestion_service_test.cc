#include "services/ingestion/ingestion_service.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "compute/image/decode.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "services/ingestion/tiny_png.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

// Copies of images that compute/image/testdata/make_testdata.py makes.
std::string ReadFile(const std::string& name) {
  std::ifstream file("services/ingestion/testdata/" + name, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  EXPECT_FALSE(bytes.empty()) << name;
  return bytes;
}

std::string Jpeg() { return ReadFile("baseline.jpg"); }
std::string Png() { return ReadFile("rgb.png"); }

struct Upload {
  v1::ExampleUpload head;
  std::string bytes;
};

Upload MakeUpload(const std::string& id, const std::string& bytes,
                  v1::Split split = v1::TRAIN, const std::string& group = "") {
  Upload upload;
  upload.head.mutable_example()->set_id(id);
  upload.head.mutable_example()->set_label("nevus");
  upload.head.mutable_example()->set_split(split);
  upload.head.mutable_example()->set_group(group);
  upload.head.set_image_bytes(static_cast<int64_t>(bytes.size()));
  upload.head.set_sha256(Sha256Hex(bytes));
  upload.bytes = bytes;
  return upload;
}

class IngestionServiceTest : public testing::Test {
 protected:
  IngestionServiceTest() { Start(); }

  void Start() {
    if (server_ != nullptr) server_->Shutdown();
    server_.reset();
    service_.reset();
    ServiceContext context;
    context.data_dir = dir_.path();
    context.clock = &clock_;
    auto service = NewIngestionService(context);
    EXPECT_THAT(service, IsOk());
    service_ = *std::move(service);
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    for (grpc::Service* hosted : service_->grpc_services()) {
      builder.RegisterService(hosted);
    }
    server_ = builder.BuildAndStart();
    stub_ = v1::DatasetService::NewStub(
        server_->InProcessChannel(ChannelArguments()));
  }
  ~IngestionServiceTest() override { server_->Shutdown(); }

  absl::StatusOr<std::vector<v1::ImportOutcome>> Import(
      const std::string& dataset, const std::vector<Upload>& uploads,
      size_t chunk_bytes = 1000) {
    std::vector<v1::ImportExamplesRequest> requests(1);
    requests[0].mutable_header()->set_dataset(dataset);
    for (const Upload& upload : uploads) {
      *requests.emplace_back().mutable_example() = upload.head;
      for (size_t at = 0; at < upload.bytes.size(); at += chunk_bytes) {
        requests.emplace_back().set_chunk(upload.bytes.substr(at, chunk_bytes));
      }
    }
    return Send(requests);
  }

  absl::StatusOr<std::vector<v1::ImportOutcome>> Send(
      const std::vector<v1::ImportExamplesRequest>& requests) {
    grpc::ClientContext context;
    const auto stream = stub_->ImportExamples(&context);
    // While outcomes are read: the server waits for the reading too.
    std::thread writer([&] {
      for (const auto& request : requests) {
        if (!stream->Write(request)) break;
      }
      stream->WritesDone();
    });
    std::vector<v1::ImportOutcome> outcomes;
    v1::ImportExamplesResponse response;
    while (stream->Read(&response)) {
      outcomes.insert(outcomes.end(), response.outcomes().begin(),
                      response.outcomes().end());
    }
    writer.join();
    RETURN_IF_ERROR(FromGrpc(stream->Finish()));
    return outcomes;
  }

  // "id TAKEN", "id REFUSED REASON".
  std::vector<std::string> ImportLines(const std::string& dataset,
                                       const std::vector<Upload>& uploads) {
    const auto outcomes = Import(dataset, uploads);
    EXPECT_THAT(outcomes, IsOk());
    std::vector<std::string> lines;
    for (const v1::ImportOutcome& outcome : *outcomes) {
      lines.push_back(outcome.id() + " " +
                      v1::ImportOutcome::Result_Name(outcome.result()) +
                      (outcome.reason().empty() ? "" : " " + outcome.reason()));
    }
    return lines;
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(
      grpc::Status (v1::DatasetService::Stub::*method)(grpc::ClientContext*,
                                                       const Request&,
                                                       Response*),
      const Request& request) {
    grpc::ClientContext context;
    Response response;
    RETURN_IF_ERROR(
        FromGrpc((stub_.get()->*method)(&context, request, &response)));
    return response;
  }

  absl::StatusOr<v1::Dataset> Get(const std::string& name) {
    v1::GetDatasetRequest request;
    request.set_name(name);
    return Call(&v1::DatasetService::Stub::GetDataset, request);
  }
  absl::StatusOr<v1::DatasetVersion> Seal(const std::string& name) {
    v1::SealDatasetRequest request;
    request.set_name(name);
    return Call(&v1::DatasetService::Stub::SealDataset, request);
  }
  absl::StatusOr<std::vector<v1::Example>> Read(const std::string& dataset,
                                                int64_t version) {
    v1::ReadExamplesRequest request;
    request.set_dataset(dataset);
    request.set_version(version);
    grpc::ClientContext context;
    const auto reader = stub_->ReadExamples(&context, request);
    std::vector<v1::Example> rows;
    v1::ReadExamplesResponse response;
    while (reader->Read(&response)) {
      rows.insert(rows.end(), response.examples().begin(),
                  response.examples().end());
    }
    RETURN_IF_ERROR(FromGrpc(reader->Finish()));
    return rows;
  }
  absl::StatusOr<std::vector<std::string>> ReadImages(
      const std::vector<std::string>& digests) {
    v1::ReadImagesRequest request;
    request.mutable_digests()->Add(digests.begin(), digests.end());
    grpc::ClientContext context;
    const auto reader = stub_->ReadImages(&context, request);
    std::vector<std::string> images;
    v1::ReadImagesResponse response;
    while (reader->Read(&response)) images.push_back(response.image());
    RETURN_IF_ERROR(FromGrpc(reader->Finish()));
    return images;
  }

  TempDir dir_;
  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  std::unique_ptr<HostedService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::DatasetService::Stub> stub_;
};

TEST_F(IngestionServiceTest, WhatIsImportedAndSealedIsReadBack) {
  const auto outcomes = Import(
      "isic", {MakeUpload("b", Jpeg()), MakeUpload("a", Png(), v1::TEST)});
  ASSERT_THAT(outcomes, IsOk());
  const auto sealed = Seal("isic");
  ASSERT_THAT(sealed, IsOk());
  EXPECT_EQ(sealed->examples(), 2);
  EXPECT_EQ(Seal("isic")->version(), 1) << "the same content";
  const auto rows = Read("isic", 1);
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).id(), "a");
  const auto images = ReadImages({rows->at(1).image_digest()});
  ASSERT_THAT(images, IsOk());
  EXPECT_EQ(Sha256Hex(images->at(0)), outcomes->at(0).image_digest());
  EXPECT_TRUE(DecodeImage(images->at(0))->rgb == DecodeImage(Jpeg())->rgb);
  v1::GetDatasetVersionRequest get;
  get.set_dataset("isic");
  get.set_version(1);
  EXPECT_EQ(Call(&v1::DatasetService::Stub::GetDatasetVersion, get)->digest(),
            sealed->digest());
}

TEST_F(IngestionServiceTest, BadExamplesAreRefusedAndTheOthersTaken) {
  Upload short_upload = MakeUpload("short", Png());
  short_upload.bytes.pop_back();
  Upload long_upload = MakeUpload("long", Png());
  long_upload.bytes += "x";
  Upload damaged = MakeUpload("damaged", Png());
  damaged.bytes[damaged.bytes.size() / 2] ^= 1;
  Upload huge = MakeUpload("huge", "ignored");
  huge.head.set_image_bytes((64 << 20) + 1);
  Upload unlabelled = MakeUpload("unlabelled", Png());
  unlabelled.head.mutable_example()->clear_label();
  Upload control = MakeUpload("control", Png());
  control.head.mutable_example()->set_label("a\nb");
  Upload grouped =
      MakeUpload("grouped", Png(), v1::TRAIN, std::string(201, 'g'));
  Upload attributes = MakeUpload("attributes", Png());
  for (int i = 0; i < 65; ++i) {
    (*attributes.head.mutable_example()
          ->mutable_attributes())[absl::StrCat(i)] = "x";
  }
  Upload split = MakeUpload("split", Png(), static_cast<v1::Split>(9));
  EXPECT_THAT(
      ImportLines("isic",
                  {MakeUpload("first", Jpeg()), short_upload, long_upload,
                   damaged, huge, unlabelled, control, grouped, attributes,
                   split, MakeUpload("a/b", Png()), MakeUpload("empty", ""),
                   MakeUpload("text", "no image"),
                   MakeUpload("cut", Jpeg().substr(0, Jpeg().size() / 2)),
                   MakeUpload("first", Png()), MakeUpload("last", Png())}),
      ElementsAre(
          "first TAKEN", "short REFUSED IMAGE_SIZE_MISMATCH",
          "long REFUSED IMAGE_SIZE_MISMATCH", "damaged REFUSED SHA256_MISMATCH",
          "huge REFUSED IMAGE_TOO_LARGE", "unlabelled REFUSED LABEL_INVALID",
          "control REFUSED LABEL_INVALID", "grouped REFUSED GROUP_INVALID",
          "attributes REFUSED ATTRIBUTES_INVALID",
          "split REFUSED SPLIT_UNKNOWN", "a/b REFUSED EXAMPLE_ID_INVALID",
          "empty REFUSED IMAGE_EMPTY", "text REFUSED IMAGE_FORMAT_UNSUPPORTED",
          "cut REFUSED IMAGE_TRUNCATED", "first REFUSED EXAMPLE_CONFLICT",
          "last TAKEN"));
  EXPECT_EQ(Get("isic")->draft_examples(), 2);
}

TEST_F(IngestionServiceTest, ManyBatchesAreAnsweredInOrderAndOnlyOnce) {
  std::vector<Upload> uploads;
  std::vector<std::string> taken, there;
  for (int i = 0; i < 200; ++i) {
    const std::string id = absl::StrCat("id", i);
    uploads.push_back(MakeUpload(id, Png()));
    taken.push_back(id + " TAKEN");
    there.push_back(id + " ALREADY_THERE");
  }
  EXPECT_EQ(ImportLines("isic", uploads), taken);
  EXPECT_EQ(ImportLines("isic", uploads), there);
}

TEST_F(IngestionServiceTest, AChunkThatIsTooLargeIsRefusedWithItsExample) {
  const auto outcomes =
      Import("isic",
             {MakeUpload("large", std::string((1 << 20) + 1, 'x')),
              MakeUpload("good", Png())},
             (1 << 20) + 1);
  ASSERT_THAT(outcomes, IsOk());
  ASSERT_EQ(outcomes->size(), 2u);
  EXPECT_EQ(outcomes->at(0).reason(), "CHUNK_TOO_LARGE");
  EXPECT_EQ(outcomes->at(1).result(), v1::ImportOutcome::TAKEN);
}

TEST_F(IngestionServiceTest, MessagesOutOfOrderEndTheStreamSayingSo) {
  v1::ImportExamplesRequest header, chunk, empty;
  header.mutable_header()->set_dataset("isic");
  chunk.set_chunk("x");
  const std::vector<std::vector<v1::ImportExamplesRequest>> kBad = {
      {}, {chunk}, {header, chunk}, {header, header}, {empty}};
  for (const auto& requests : kBad) {
    const absl::Status status = Send(requests).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), "IMPORT_OUT_OF_ORDER");
  }
  EXPECT_EQ(ReasonOf(Import("No Name", {}).status()), "NAME_INVALID");
}

TEST_F(IngestionServiceTest, ACancelledImportKeepsWhatItAnswered) {
  grpc::ClientContext context;
  const auto stream = stub_->ImportExamples(&context);
  v1::ImportExamplesRequest request;
  request.mutable_header()->set_dataset("isic");
  ASSERT_TRUE(stream->Write(request));
  // A batch, and the beginning of one more, so that the batch is answered. Not
  // its chunk: the server reads on when the answer is read.
  for (int i = 0; i <= 64; ++i) {
    const Upload upload = MakeUpload(absl::StrCat("id", i), Png());
    *request.mutable_example() = upload.head;
    ASSERT_TRUE(stream->Write(request));
    if (i == 64) break;
    request.set_chunk(upload.bytes);
    ASSERT_TRUE(stream->Write(request));
  }
  v1::ImportExamplesResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.outcomes_size(), 64);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(Get("isic")->draft_examples(), 64);
}

TEST_F(IngestionServiceTest, ADrawnSplitKeepsGroupsWhole) {
  std::vector<Upload> uploads;
  for (int i = 0; i < 40; ++i) {
    uploads.push_back(MakeUpload(absl::StrCat("id", i), TinyPng(i),
                                 v1::SPLIT_UNSPECIFIED,
                                 absl::StrCat("group", i / 4)));
  }
  ASSERT_THAT(Import("isic", uploads), IsOk());
  v1::SplitDatasetRequest request;
  request.set_name("isic");
  request.set_train(0.8);
  request.set_validation(0.2);
  const auto split = Call(&v1::DatasetService::Stub::SplitDataset, request);
  ASSERT_THAT(split, IsOk());
  EXPECT_EQ(split->draft_counts().at("train/nevus"), 32);
  EXPECT_EQ(split->draft_counts().at("validation/nevus"), 8);
  EXPECT_EQ(Seal("isic")->shared_images_size(), 0);
  request.set_train(0.9);
  const absl::Status bad =
      Call(&v1::DatasetService::Stub::SplitDataset, request).status();
  EXPECT_EQ(bad.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(bad), "FRACTIONS_INVALID");
}

TEST_F(IngestionServiceTest, ARepeatedCallChangesNothingAndGetsTheSameAnswer) {
  using Stub = v1::DatasetService::Stub;
  ASSERT_THAT(Import("isic", {MakeUpload("a", Png(), v1::SPLIT_UNSPECIFIED)}),
              IsOk());
  v1::SplitDatasetRequest split;
  split.set_name("isic");
  split.set_train(1);
  split.set_request_id("split");
  const auto drawn = Call(&Stub::SplitDataset, split);
  ASSERT_THAT(drawn, IsOk());
  EXPECT_EQ(drawn->draft_counts().at("train/nevus"), 1);
  v1::SealDatasetRequest seal;
  seal.set_name("isic");
  seal.set_request_id("seal");
  const auto sealed = Call(&Stub::SealDataset, seal);
  ASSERT_THAT(sealed, IsOk());
  seal.set_request_id("seal of the same content");
  EXPECT_EQ(Call(&Stub::SealDataset, seal)->version(), 1);

  ASSERT_THAT(Import("isic", {MakeUpload("b", Jpeg(), v1::SPLIT_UNSPECIFIED)}),
              IsOk());
  for (const bool restart : {false, true}) {
    SCOPED_TRACE(restart);
    if (restart) Start();
    const auto drawn_again = Call(&Stub::SplitDataset, split);
    ASSERT_THAT(drawn_again, IsOk());
    EXPECT_EQ(drawn_again->draft_examples(), 1) << "as it was then";
    EXPECT_EQ(Get("isic")->draft_counts().at("unspecified/nevus"), 1)
        << "what came since is not drawn";
    for (const char* id : {"seal", "seal of the same content"}) {
      seal.set_request_id(id);
      const auto again = Call(&Stub::SealDataset, seal);
      ASSERT_THAT(again, IsOk());
      EXPECT_EQ(again->SerializeAsString(), sealed->SerializeAsString());
    }
    EXPECT_EQ(Get("isic")->versions_size(), 1);
  }
  v1::DeleteDatasetRequest remove;
  remove.set_name("isic");
  remove.set_request_id("delete");
  EXPECT_EQ(Call(&Stub::DeleteDataset, remove)->images_freed(), 2);
  // A dataset of that name that came since is not meant.
  ASSERT_THAT(Import("isic", {MakeUpload("c", Png())}), IsOk());
  Start();
  EXPECT_EQ(Call(&Stub::DeleteDataset, remove)->images_freed(), 2);
  EXPECT_EQ(Get("isic")->draft_examples(), 1);
}

TEST_F(IngestionServiceTest, ARequestIdIsForOneRequestOfOneMethod) {
  using Stub = v1::DatasetService::Stub;
  ASSERT_THAT(Import("isic", {MakeUpload("a", Png())}), IsOk());
  v1::SealDatasetRequest seal;
  seal.set_name("isic");
  seal.set_request_id("id");
  ASSERT_THAT(Call(&Stub::SealDataset, seal), IsOk());
  seal.set_name("ham");
  v1::DeleteDatasetRequest remove;
  remove.set_name("isic");
  remove.set_request_id("id");
  v1::SplitDatasetRequest split;
  split.set_name("isic");
  split.set_train(1);
  split.set_request_id("id");
  for (const absl::Status& status :
       {Call(&Stub::SealDataset, seal).status(),
        Call(&Stub::DeleteDataset, remove).status(),
        Call(&Stub::SplitDataset, split).status()}) {
    EXPECT_THAT(status, StatusIs(StatusCode::kAlreadyExists,
                                 "request_id \"id\" was used for SealDataset"));
    EXPECT_EQ(ReasonOf(status), "REQUEST_ID_REUSED");
  }
  seal.set_request_id(std::string(65, 'x'));
  remove.set_request_id(std::string(65, 'x'));
  split.set_request_id(std::string(65, 'x'));
  for (const absl::Status& status :
       {Call(&Stub::SealDataset, seal).status(),
        Call(&Stub::DeleteDataset, remove).status(),
        Call(&Stub::SplitDataset, split).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), "REQUEST_ID_TOO_LONG");
  }
  EXPECT_EQ(Get("isic")->draft_examples(), 1);
}

TEST_F(IngestionServiceTest, ListsComeInPages) {
  for (const char* name : {"b", "a", "c"}) {
    ASSERT_THAT(Import(name, {MakeUpload("1", Png())}), IsOk());
  }
  v1::ListDatasetsRequest request;
  request.set_page_size(2);
  auto page = Call(&v1::DatasetService::Stub::ListDatasets, request);
  ASSERT_THAT(page, IsOk());
  ASSERT_EQ(page->datasets_size(), 2);
  EXPECT_EQ(page->datasets(1).name(), "b");
  request.set_page_token(page->next_page_token());
  page = Call(&v1::DatasetService::Stub::ListDatasets, request);
  ASSERT_EQ(page->datasets_size(), 1);
  EXPECT_EQ(page->next_page_token(), "");
  request.set_page_token("nonsense");
  EXPECT_EQ(
      ReasonOf(Call(&v1::DatasetService::Stub::ListDatasets, request).status()),
      "PAGE_TOKEN_INVALID");
}

TEST_F(IngestionServiceTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(ReasonOf(Get("x").status()), "DATASET_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Seal("x").status()), "DATASET_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Read("x", 1).status()), "DATASET_NOT_FOUND");
  EXPECT_EQ(ReasonOf(ReadImages({"x"}).status()), "IMAGE_NOT_FOUND");
  ASSERT_THAT(Import("x", {MakeUpload("1", Png())}), IsOk());
  EXPECT_EQ(ReasonOf(Read("x", 1).status()), "VERSION_NOT_FOUND");
  v1::DeleteDatasetRequest request;
  request.set_name("x");
  EXPECT_EQ(
      Call(&v1::DatasetService::Stub::DeleteDataset, request)->images_freed(),
      1);
  EXPECT_EQ(Get("x").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace nevus
