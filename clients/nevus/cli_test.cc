// The CLI from its arguments to its exit code, against a fake server.
#include <sstream>

#include "base/temp_dir.h"
#include "clients/cpp/fake_dataset_service.h"
#include "clients/cpp/files.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/output.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::HasSubstr;

class CliTest : public ::testing::Test {
 protected:
  int Run(const std::vector<std::string>& args) {
    out_.str("");
    err_.str("");
    const Terminal terminal{out_, err_, false, server_.address()};
    return RunCommandLine(AllCommands(), args, terminal);
  }
  // Two images with labels, and one without.
  void WriteImages() {
    for (const char* name : {"a.jpg", "b.jpg"}) {
      ASSERT_TRUE(WriteFile(dir_.File("images/") + name, name).ok());
    }
    ASSERT_TRUE(WriteFile(dir_.File("l.csv"), "id,c\na,x\nb,y\n").ok());
  }
  std::vector<std::string> Import(const std::string& extra) {
    std::vector<std::string> args = {"dataset",
                                     "import",
                                     "d",
                                     "--images",
                                     dir_.File("images"),
                                     "--labels",
                                     dir_.File("l.csv"),
                                     "--label-column",
                                     "c",
                                     "--output=json"};
    if (!extra.empty()) args.push_back(extra);
    return args;
  }

  TempDir dir_;
  FakeDatasetServer server_;
  std::ostringstream out_, err_;
};

TEST_F(CliTest, AnImportCountsAndSucceeds) {
  WriteImages();
  EXPECT_EQ(Run(Import("")), 0) << err_.str();
  EXPECT_EQ(Json::parse(out_.str())["taken"], 2);
  EXPECT_EQ(Run(Import("")), 0);
  EXPECT_EQ(Json::parse(out_.str())["already_there"], 2);
}

TEST_F(CliTest, ARefusalFailsTheImportUnlessSkipBad) {
  WriteImages();
  ASSERT_TRUE(WriteFile(dir_.File("images/z.jpg"), "z").ok());
  EXPECT_EQ(Run(Import("")), 1);
  EXPECT_EQ(Json::parse(out_.str())["refusals"][0]["reason"], "LABEL_MISSING");
  EXPECT_THAT(err_.str(), HasSubstr("--skip-bad"));
  EXPECT_EQ(Run(Import("--skip-bad")), 0);
}

TEST_F(CliTest, ABadLabelFileSendsNothing) {
  WriteImages();
  ASSERT_TRUE(WriteFile(dir_.File("l.csv"), "id,c\na,x\na,y\n").ok());
  EXPECT_EQ(Run(Import("")), 1);
  EXPECT_EQ(Json::parse(out_.str())["error"]["reason"], "ID_TWICE");
  EXPECT_EQ(server_.examples(), 0);
}

TEST_F(CliTest, ErrorsHaveTheirExitCodesAndOneJsonValue) {
  EXPECT_EQ(Run({"dataset", "sael", "x", "--output", "json"}), 2);
  EXPECT_EQ(Json::parse(out_.str())["error"]["reason"], "USAGE");
  EXPECT_EQ(Run({"dataset", "show", "absent", "--output", "json"}), 1);
  EXPECT_EQ(Json::parse(out_.str())["error"]["code"], "NOT_FOUND");
  EXPECT_EQ(Run({"dataset", "delete", "d"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("--yes"));
  EXPECT_EQ(Run({"job", "list", "--server", "ingestion=h:1"}), 3);
  EXPECT_THAT(err_.str(), HasSubstr("scheduler"));
}

TEST_F(CliTest, MistakesAreNamedBeforeAnythingIsAsked) {
  EXPECT_EQ(Run({"help", "nope"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("\"nope\""));
  EXPECT_EQ(Run({"help", "dataset"}), 0);
  EXPECT_EQ(Run({"job", "list", "--server", "nonsense"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("HOST:PORT"));
  ASSERT_TRUE(WriteFile(dir_.File("kept"), "mine").ok());
  EXPECT_EQ(Run({"features", "export", "d@1", "--backbone", "b", "--to",
                 dir_.File("kept")}),
            2);
  EXPECT_THAT(err_.str(), HasSubstr("--overwrite"));
}

TEST_F(CliTest, GeneratedImagesComeWithLabels) {
  EXPECT_EQ(Run({"dataset", "generate", dir_.File("s"), "--count", "5",
                 "--size", "32", "--output", "csv"}),
            0);
  EXPECT_THAT(out_.str(), HasSubstr("5,2,3,"));
  EXPECT_EQ(ListFiles(dir_.File("s/images"))->size(), 5u);
}

}  // namespace
}  // namespace nevus
