package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.assertDone;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class DoctorTest {

  @Test
  void finds_this_machine_healthy() {
    CommandLine run = whittle("doctor");
    assertDone(run);
    assertEquals("", run.err());
    assertTrue(run.out().contains("ok   libraries"), run.out());
    assertTrue(run.out().contains("ok   CPU product"), run.out());
  }

  @Test
  void gives_json_alone() {
    JsonNode json = whittle("doctor", "--json").json();
    assertTrue(json.get("healthy").booleanValue());
    assertEquals("java", json.at("/findings/0/subject").stringValue());
  }
}
