package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLocatorTest {
  @TempDir Path folder;

  private static Path withLibraries(Path directory) throws IOException {
    Files.createDirectories(directory);
    for (String name : new String[] {"ggml-base", "ggml", "llama"}) {
      Files.createFile(directory.resolve(System.mapLibraryName(name)));
    }
    return directory;
  }

  @Test
  void theErrorListsEveryPlaceAndTheMend() {
    NativeLocator locator =
        new NativeLocator(
            Map.of(NativeLocator.HOME_PROPERTY, folder.toString())::get, Map.of(), null);
    String message = assertThrows(NativeException.class, locator::locate).getMessage();
    assertAll(
        () -> assertTrue(message.contains("--native-dir"), message),
        () -> assertTrue(message.contains(NativeLocator.DIRECTORY_VARIABLE), message),
        () -> assertTrue(message.contains(folder.toString()), message),
        () -> assertTrue(message.contains(NativeLocator.platform()), message),
        () -> assertTrue(message.contains("npm ci"), message));
  }

  @Test
  void aFolderNamedByThePropertyIsNotPassedOver() throws IOException {
    Path named = Files.createDirectory(folder.resolve("empty"));
    Path other = withLibraries(folder.resolve("other"));
    NativeLocator locator =
        new NativeLocator(
            Map.of(NativeLocator.DIRECTORY_PROPERTY, named.toString())::get,
            Map.of(NativeLocator.DIRECTORY_VARIABLE, other.toString()),
            null);
    String message = assertThrows(NativeException.class, locator::locate).getMessage();
    assertTrue(message.contains(named.toString()), message);
  }

  @Test
  void theVariableComesBeforeTheStagedFolder() throws IOException {
    Path named = withLibraries(folder.resolve("named"));
    stage(folder.resolve("home"));
    NativeLocator locator =
        new NativeLocator(
            Map.of(NativeLocator.HOME_PROPERTY, folder.resolve("home").toString())::get,
            Map.of(NativeLocator.DIRECTORY_VARIABLE, named.toString()),
            null);
    assertEquals(named, locator.locate().directory());
  }

  @Test
  void theStagedFolderIsFoundFromThePlaceOfTheCode() throws IOException {
    Path staged = stage(folder.resolve("home"));
    Path code = folder.resolve("home/bindings/target/classes");
    NativeLocator locator = new NativeLocator(name -> null, Map.of(), code);
    assertEquals(staged, locator.locate().directory());
  }

  private static Path stage(Path home) throws IOException {
    String platform = NativeLocator.platform();
    return withLibraries(
        home.resolve("native/node_modules/@node-llama-cpp/" + platform + "/bins/" + platform));
  }
}
