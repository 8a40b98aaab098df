#include "clients/nevus/command.h"

#include "base/status.h"
#include "base/status_matchers.h"
#include "clients/cpp/files.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/help.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CommandTest, FlagsStandBeforeAndAfterArgumentsInBothForms) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{
           {"extract", "isic@1", "--backbone", "b", "--wait"},
           {"extract", "--backbone=b", "--wait", "isic@1"},
           {"--server", "h:1", "extract", "--wait", "--backbone=b",
            "isic@1"}}) {
    const auto line = ParseCommandLine(AllCommands(), args);
    ASSERT_THAT(line, IsOk());
    EXPECT_EQ(line->command->path, "extract");
    EXPECT_THAT(line->arguments, ElementsAre("isic@1"));
    EXPECT_EQ(line->Text("backbone"), "b");
    EXPECT_TRUE(line->On("wait"));
    EXPECT_EQ(line->Text("pool"), "avg");  // the default
    EXPECT_FALSE(line->Has("cut"));
  }
}

TEST(CommandTest, TwoDashesEndTheFlags) {
  const auto line = ParseCommandLine(
      AllCommands(), {"classify", "--model", "m@1", "--", "--odd.jpg"});
  ASSERT_THAT(line, IsOk());
  EXPECT_THAT(line->arguments, ElementsAre("--odd.jpg"));
}

TEST(CommandTest, ABenchGetsItsFlagsUnread) {
  const auto line = ParseCommandLine(
      AllCommands(), {"bench", "extract", "--count=2", "--", "--help"});
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(line->command->path, "bench");
  EXPECT_THAT(line->arguments,
              ElementsAre("extract", "--count=2", "--", "--help"));
}

TEST(CommandTest, MistakesAreUsageErrorsThatNameTheNearest) {
  const struct {
    std::vector<std::string> args;
    const char* message;
  } kCases[] = {
      {{"datset", "list"}, "did you mean dataset?"},
      {{"dataset", "sael", "x"}, "did you mean seal?"},
      {{"dataset"}, "needs one of"},
      {{"extract", "a@1", "--bakbone", "b"}, "did you mean --backbone?"},
      {{"extract", "a@1"}, "needs --backbone B"},
      {{"extract", "--backbone", "b"}, "needs DATASET@N"},
      {{"extract", "a@1", "b@2", "--backbone", "b"}, "is one too many"},
      {{"extract", "a@1", "--backbone"}, "needs a value"},
      {{"extract", "a@1", "--backbone=b", "--pool", "mx"}, "did you mean max?"},
      {{"extract", "a@1", "--backbone=b", "--wait=maybe"}, "switch"},
      {{"job", "list", "--limit", "ten"}, "whole number from 0;"},
      {{"extract", "a@1", "--backbone=b", "--priority=101"},
       "whole number from -100 to 100"},
      {{"job", "list", "--limit", "1", "--limit", "2"}, "given twice"}};
  for (const auto& c : kCases) {
    const auto line = ParseCommandLine(AllCommands(), c.args);
    EXPECT_THAT(line, StatusIs(absl::StatusCode::kInvalidArgument, c.message));
    EXPECT_EQ(ReasonOf(line.status()), "USAGE");
  }
}

TEST(CommandTest, ARepeatedFlagKeepsAllItsValues) {
  const auto line = ParseCommandLine(
      AllCommands(),
      {"train", "d@1", "--backbone=b", "--model=m", "--positive=x", "--sweep",
       "hidden=0,64", "--sweep=seed=1..5", "--priority", "-100"});
  ASSERT_THAT(line, IsOk());
  EXPECT_THAT(line->All("sweep"), ElementsAre("hidden=0,64", "seed=1..5"));
  EXPECT_THAT(line->All("hidden"), ElementsAre());
  EXPECT_EQ(line->Integer("priority"), -100);
}

TEST(CommandTest, AChoiceIsTakenInWhateverCase) {
  const auto line =
      ParseCommandLine(AllCommands(), {"job", "list", "--state", "Failed"});
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(line->Text("state"), "FAILED");
}

TEST(CommandTest, HelpWinsOverMistakesAtEveryLevel) {
  const auto of = [](const std::vector<std::string>& args) {
    const auto line = ParseCommandLine(AllCommands(), args);
    return line.ok() && line->kind == Invocation::Kind::kHelp
               ? line->help_prefix
               : "no help";
  };
  EXPECT_EQ(of({}), "");
  EXPECT_EQ(of({"--help"}), "");
  EXPECT_EQ(of({"dataset", "--help"}), "dataset");
  EXPECT_EQ(of({"dataset", "import", "--help"}), "dataset import");
}

TEST(CommandTest, EveryCommandHasASummaryAnExampleAndHelp) {
  for (const Command& command : AllCommands()) {
    SCOPED_TRACE(command.path);
    EXPECT_FALSE(command.summary.empty());
    ASSERT_FALSE(command.examples.empty());
    const std::string help = HelpText(AllCommands(), command.path);
    EXPECT_THAT(help, HasSubstr("Usage:\n  nevus " + command.path));
    EXPECT_THAT(help, HasSubstr(command.examples[0]));
    EXPECT_THAT(HelpMarkdown(AllCommands()),
                HasSubstr("### nevus " + command.path + "\n"));
    EXPECT_THAT(BashCompletion(AllCommands()), HasSubstr(command.path));
  }
}

TEST(CommandTest, ThePageOfTheCommandLineIsWhatHelpPrints) {
  const auto page = ReadFile("docs/cli.md", 1 << 20);
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(*page, HelpMarkdown(AllCommands()))
      << "run: nevus help --markdown > docs/cli.md";
}

}  // namespace
}  // namespace nevus
