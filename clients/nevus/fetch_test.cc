// `nevus backbone fetch` and its parts, against a web server in this process.
#include "clients/nevus/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "clients/cpp/files.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/download.h"
#include "clients/nevus/fake_platform.h"
#include "clients/nevus/output.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::HasSubstr;

// Answers GET on 127.0.0.1 with the pages that it was given, else 404.
class WebServer {
 public:
  explicit WebServer(std::map<std::string, std::string> pages)
      : pages_(std::move(pages)) {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_, any, size), 0);
    EXPECT_EQ(listen(socket_, 8), 0);
    EXPECT_EQ(getsockname(socket_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~WebServer() {
    shutdown(socket_, SHUT_RDWR);  // accept fails
    thread_.join();
    close(socket_);
  }

  std::string Url(const std::string& path) const {
    return absl::StrCat("http://127.0.0.1:", port_, path);
  }

 private:
  void Serve() {
    int client;
    while ((client = accept(socket_, nullptr, nullptr)) >= 0) {
      std::string request;
      char buffer[1024];
      ssize_t count;
      while (!absl::StrContains(request, "\r\n\r\n") &&
             (count = read(client, buffer, sizeof(buffer))) > 0) {
        request.append(buffer, count);
      }
      const size_t begin = request.find(' ') + 1;
      const auto page =
          pages_.find(request.substr(begin, request.find(' ', begin) - begin));
      const std::string answer =
          page == pages_.end()
              ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
              : absl::StrCat(
                    "HTTP/1.1 200 OK\r\nContent-Length: ", page->second.size(),
                    "\r\nConnection: close\r\n\r\n", page->second);
      for (size_t at = 0; at < answer.size();) {
        const ssize_t sent =
            send(client, answer.data() + at, answer.size() - at, MSG_NOSIGNAL);
        if (sent <= 0) break;
        at += sent;
      }
      close(client);
    }
  }

  const std::map<std::string, std::string> pages_;
  int socket_ = -1;
  int port_ = 0;
  std::thread thread_;
};

bool HasCurl() { return std::system("curl --version >/dev/null 2>&1") == 0; }

class FetchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasCurl()) GTEST_SKIP() << "skipped: no curl";
    setenv("no_proxy", "127.0.0.1", 1);
  }

  PublicWeights Made(const std::string& sha256, const std::string& md5) {
    const char* const sha = texts_.emplace_back(sha256).c_str();
    const char* const sum = texts_.emplace_back(md5).c_str();
    return {"vgg16",
            "torchvision",
            "made.safetensors",
            "https://invalid.invalid/made",
            sha,
            sum,
            1};
  }

  TempDir dir_;
  std::list<std::string> texts_;  // where Made's hashes lie
  const std::string content_ = std::string(300'000, 'w') + "eights";
  WebServer web_{{{"/weights", content_}, {"/other", "no weights"}}};
};

TEST_F(FetchTest, AFileWithItsHashIsKeptAndNotFetchedAgain) {
  const std::string path = dir_.File("f");
  for (const PublicWeights& weights :
       {Made(Sha256Hex(content_), ""), Made("", Md5Hex(content_))}) {
    std::remove(path.c_str());
    ASSERT_THAT(FetchWeights(weights, web_.Url("/weights"), path, false),
                IsOk());
    EXPECT_EQ(ReadFile(path, 1 << 20).value(), content_);
    // Nothing lies there: it must not be asked for.
    EXPECT_THAT(FetchWeights(weights, web_.Url("/absent"), path, false),
                IsOk());
  }
}

TEST_F(FetchTest, AnotherFileIsRefusedNamingBothHashesAndIsNotKept) {
  const std::string path = dir_.File("f");
  const PublicWeights weights = Made(Sha256Hex(content_), "");
  const absl::Status status =
      FetchWeights(weights, web_.Url("/other"), path, false);
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDataLoss, Sha256Hex("no weights")));
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDataLoss, Sha256Hex(content_)));
  EXPECT_EQ(ReasonOf(status), "WEIGHTS_DIFFER");
  EXPECT_TRUE(ListFiles(dir_.path())->empty());

  ASSERT_THAT(WriteFile(path, "left over from before"), IsOk());
  EXPECT_EQ(ReasonOf(FetchWeights(weights, web_.Url("/weights"), path, false)),
            "WEIGHTS_DIFFER");
}

TEST_F(FetchTest, WithoutANetworkItSaysWhatToDo) {
  const absl::Status status =
      FetchWeights(Made(Sha256Hex(content_), ""), web_.Url("/absent"),
                   dir_.File("f"), false);
  EXPECT_EQ(ReasonOf(status), "DOWNLOAD_FAILED");
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("404"));
  EXPECT_THAT(message, HasSubstr("curl -L -o made.safetensors "
                                 "https://invalid.invalid/made"));
  EXPECT_THAT(message, HasSubstr("SHA-256 " + Sha256Hex(content_)));
  EXPECT_THAT(message, HasSubstr("nevus backbone import vgg16 --arch vgg16 "
                                 "--weights made.safetensors"));
}

TEST_F(FetchTest, HttpIsRefusedUnlessAMirrorAsksForIt) {
  const absl::Status status =
      Download(web_.Url("/weights"), dir_.File("f"), DownloadOptions());
  EXPECT_EQ(ReasonOf(status), "DOWNLOAD_FAILED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("rotocol"));
}

TEST_F(FetchTest, TheCommandFailsWithOneBeforeItImportsAWrongFile) {
  FakePlatform platform;
  std::ostringstream out, err;
  const Terminal terminal{out, err, false, platform.address()};
  const auto run = [&](const std::vector<std::string>& args) {
    out.str("");
    err.str("");
    return RunCommandLine(AllCommands(), args, terminal);
  };
  EXPECT_EQ(run({"backbone", "fetch", "xception", "--mirror",
                 web_.Url("/other"), "--output", "json"}),
            1);
  EXPECT_EQ(Json::parse(out.str())["error"]["reason"], "WEIGHTS_DIFFER");
  EXPECT_THAT(err.str(), HasSubstr("fetching xception_weights"));
  EXPECT_EQ(
      run({"backbone", "fetch", "xception", "--mirror", web_.Url("/absent")}),
      1);
  EXPECT_THAT(err.str(), HasSubstr("MD5 b0042744bf5b25fce3cb969f33bebb97"));
  EXPECT_EQ(run({"backbone", "fetch", "xception", "--weights", "torchvision"}),
            1);
  EXPECT_THAT(err.str(), HasSubstr("no public file of xception"));
  EXPECT_EQ(run({"backbone", "fetch", "alexnet"}), 1);
  EXPECT_THAT(err.str(), HasSubstr("no public file of alexnet is known"));
  // It was asked whether the name is free, and nothing was imported.
  EXPECT_EQ(platform.requests().Last<v1::GetBackboneRequest>().name(),
            "xception");
  EXPECT_EQ(platform.requests().size(), 2u);
}

TEST(PublicWeightsTest, EachRowHasOneSoundHashAndASecureAddress) {
  std::set<std::string> rows;
  for (const PublicWeights& weights : AllPublicWeights()) {
    SCOPED_TRACE(weights.file);
    EXPECT_TRUE(rows.insert(absl::StrCat(weights.arch, weights.family)).second);
    EXPECT_TRUE(absl::StartsWith(weights.url, "https://"));
    const std::string sha256 = weights.sha256, md5 = weights.md5;
    EXPECT_NE(sha256.empty(), md5.empty());
    EXPECT_TRUE(sha256.empty() || IsSha256Hex(sha256));
    EXPECT_TRUE(md5.empty() || md5.size() == 32);
  }
  for (const char* arch : {"vgg16", "resnet50", "inception_v3", "xception"}) {
    EXPECT_THAT(FindPublicWeights(arch, ""), IsOk()) << arch;
    EXPECT_THAT(FindPublicWeights(arch, "keras"), IsOk()) << arch;
  }
}

}  // namespace
}  // namespace nevus
