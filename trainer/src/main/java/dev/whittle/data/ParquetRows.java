package dev.whittle.data;

import dev.hardwood.InputFile;
import dev.hardwood.metadata.ColumnChunk;
import dev.hardwood.metadata.CompressionCodec;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.SchemaNode;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Rows of a Parquet file, as Hugging Face's data sets have them: a column for each field. No more
/// of the file is read than the columns that an example can have. A list of structures is a list of
/// messages; null is as good as nothing.
final class ParquetRows implements Rows {
  static final String UNIT = "row";

  /// Those whose libraries are there.
  private static final Set<CompressionCodec> COMPRESSION =
      EnumSet.of(
          CompressionCodec.UNCOMPRESSED,
          CompressionCodec.SNAPPY,
          CompressionCodec.GZIP,
          CompressionCodec.ZSTD);

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final Path path;
  private final ParquetFileReader file;
  private final RowReader rows;
  private final List<String> columns;
  private long row;

  ParquetRows(Path path) {
    this.path = path;
    try {
      file = ParquetFileReader.open(InputFile.of(path));
    } catch (IOException | RuntimeException e) {
      throw unreadable(e);
    }
    try {
      columns = read(this::usedColumns);
      rows =
          read(() ->
              file.buildRowReader()
                  .projection(ColumnProjection.columns(columns.toArray(String[]::new)))
                  .build());
    } catch (DataException e) {
      closeFile();
      throw e;
    }
  }

  private List<String> usedColumns() {
    List<String> all =
        file.getFileSchema().getRootNode().children().stream().map(SchemaNode::name).toList();
    List<String> used = all.stream().filter(ExampleParser.FIELDS::contains).toList();
    if (used.stream().noneMatch(ExampleParser.CONTENTS::contains)) {
      throw new DataException(
          "%s has none of the columns %s, but %s; rename the one that is meant"
              .formatted(path, ExampleParser.CONTENTS_IN_WORDS, String.join(", ", all)));
    }
    file.getFileMetaData().rowGroups().stream()
        .flatMap(group -> group.columns().stream())
        .map(ColumnChunk::metaData)
        .filter(column -> used.contains(column.pathInSchema().topLevelName()))
        .filter(column -> !COMPRESSION.contains(column.codec()))
        .findFirst()
        .ifPresent(column -> {
          throw new DataException(
              "%s is compressed with %s, which is not known; write it with snappy, gzip or zstd"
                  .formatted(path, column.codec()));
        });
    return used;
  }

  @Override
  public boolean advance() {
    return read(() -> {
      if (!rows.hasNext()) {
        requireAll();
        return false;
      }
      rows.next();
      row++;
      return true;
    });
  }

  @Override
  public Example example() {
    ObjectNode object =
        read(() -> {
          ObjectNode fields = JSON.objectNode();
          for (String column : columns) {
            if (!rows.isNull(column)) {
              fields.set(column, json(rows.getValue(column), column));
            }
          }
          return fields;
        });
    return new ExampleParser(path + " " + UNIT, row).example(object);
  }

  @Override
  public long count() {
    return file.getFileMetaData().numRows() - row;
  }

  @Override
  public void close() {
    rows.close();
    closeFile();
  }

  private void requireAll() {
    long all = file.getFileMetaData().numRows();
    if (row != all) {
      throw new DataException(
          "%s has %,d rows where it says %,d; write it anew".formatted(path, row, all));
    }
  }

  private void closeFile() {
    try {
      file.close();
    } catch (IOException e) {
      throw DataException.unreadable(path, e);
    }
  }

  /// The reader's own errors, of a damaged file for instance, are of many kinds.
  private <T> T read(Supplier<T> work) {
    try {
      return work.get();
    } catch (DataException e) {
      throw e;
    } catch (RuntimeException e) {
      throw unreadable(e);
    }
  }

  private DataException unreadable(Exception e) {
    String reason = String.valueOf(e.getMessage()).replace("[" + path.getFileName() + "] ", "");
    return new DataException(
        "%s cannot be read as a Parquet file (%s); write it anew, or as JSON lines"
            .formatted(path, reason),
        e);
  }

  private JsonNode json(@Nullable Object value, String name) {
    return switch (value) {
      case null -> JSON.nullNode();
      case String text -> JSON.stringNode(text);
      case byte[] bytes -> JSON.stringNode(text(bytes, name));
      case Boolean truth -> JSON.booleanNode(truth);
      case Integer number -> JSON.numberNode(number);
      case Long number -> JSON.numberNode(number);
      case Float number -> JSON.numberNode(number);
      case Double number -> JSON.numberNode(number);
      case BigDecimal number -> JSON.numberNode(number);
      case PqStruct struct -> object(struct, name);
      case PqList list -> {
        ArrayNode array = JSON.arrayNode();
        for (int i = 0; i < list.size(); i++) {
          array.add(json(list.get(i), name + "[" + i + "]"));
        }
        yield array;
      }
      default ->
          throw new DataException(
              "%s %s %d has a value in '%s' that is neither text nor a number, a list or a structure; write it as text"
                  .formatted(path, UNIT, row, name));
    };
  }

  private ObjectNode object(StructAccessor struct, String name) {
    ObjectNode object = JSON.objectNode();
    for (int i = 0; i < struct.getFieldCount(); i++) {
      String field = struct.getFieldName(i);
      object.set(field, json(struct.getValue(i), name + "." + field));
    }
    return object;
  }

  /// Some writers do not say of text that it is text.
  private String text(byte[] bytes, String name) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new DataException(
          "%s %s %d has no text in UTF-8 in '%s'; convert it".formatted(path, UNIT, row, name), e);
    }
  }
}
